//! Whether something that is already there may be taken over. Declared once for every kind here.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether something that is already there and is not this resource's may be taken over.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum Adopt {
    /// No.
    #[default]
    Never,
    /// If nobody has left a mark.
    IfUnowned,
    /// Even from somebody who has left a mark.
    Always,
}
