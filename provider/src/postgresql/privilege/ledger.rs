//! What was granted, one entry each, as text that outlives the spec it came from.

use std::collections::BTreeSet;

use super::{Class, Place, Request, Wanted};

/// One granted privilege.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Entry {
    /// Where.
    pub place: Place,
    /// On which object; `None` is every one there.
    pub object: Option<String>,
    /// What, in the words of SQL.
    pub privilege: String,
    /// The entry is about the right to grant it to others, not the privilege itself.
    pub is_option: bool,
}

type Written = (
    String,
    String,
    Class,
    String,
    Option<String>,
    Option<String>,
    String,
    bool,
);

impl Entry {
    /// As the ledger keeps it.
    pub fn write(&self) -> String {
        let Place {
            database,
            role,
            class,
            schema,
            creator,
        } = &self.place;
        let (object, privilege) = (&self.object, &self.privilege);
        let written = (
            database,
            role,
            class,
            schema,
            creator,
            object,
            privilege,
            self.is_option,
        );
        serde_json::json!(written).to_string()
    }

    /// `None` for an entry that is not about a privilege.
    pub fn read(text: &str) -> Option<Self> {
        let (database, role, class, schema, creator, object, privilege, is_option): Written =
            serde_json::from_str(text).ok()?;
        let place = Place {
            database,
            role,
            class,
            schema,
            creator,
        };
        Some(Self {
            place,
            object,
            privilege,
            is_option,
        })
    }

    /// True when this entry is about the object.
    pub fn covers(&self, object: &str) -> bool {
        self.object.as_deref().is_none_or(|named| named == object)
    }
}

impl Request {
    /// Everything this grants.
    pub fn entries(&self) -> BTreeSet<Entry> {
        self.wanted.iter().flat_map(Wanted::entries).collect()
    }

    /// Everything this grants, as the ledger keeps it.
    pub fn ledger(&self) -> BTreeSet<String> {
        self.entries().iter().map(Entry::write).collect()
    }
}

impl Wanted {
    /// Everything this grants.
    pub fn entries(&self) -> BTreeSet<Entry> {
        let objects: Vec<Option<String>> = match &self.objects {
            Some(objects) => objects.iter().cloned().map(Some).collect(),
            None => vec![None],
        };
        let options: &[bool] = if self.is_grantable {
            &[false, true]
        } else {
            &[false]
        };
        let mut entries = BTreeSet::new();
        for (object, privilege) in objects
            .iter()
            .flat_map(|object| self.privileges.iter().map(move |one| (object, one)))
        {
            entries.extend(options.iter().map(|is_option| Entry {
                place: self.place.clone(),
                object: object.clone(),
                privilege: privilege.clone(),
                is_option: *is_option,
            }));
        }
        entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_reads_back_as_itself() {
        let wanted = Wanted {
            place: Place {
                database: "d\"b".into(),
                role: "r".into(),
                class: Class::Table,
                schema: "s".into(),
                creator: None,
            },
            objects: Some(["t".to_owned(), "u".to_owned()].into()),
            privileges: ["SELECT".to_owned()].into(),
            is_grantable: true,
        };
        let entries = wanted.entries();
        assert_eq!(entries.len(), 4);
        assert!(
            entries
                .iter()
                .all(|entry| Entry::read(&entry.write()).as_ref() == Some(entry))
        );
        assert_eq!(Entry::read("memberOf.x"), None);
    }
}
