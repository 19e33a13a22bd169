//! Who signs a cluster's `ServiceAccount` tokens: the issuer and its public keys.
//!
//! Needs `get` on the non-resource URLs `/.well-known/openid-configuration` and `/openid/v1/jwks`,
//! as the `ClusterRole` `system:service-account-issuer-discovery` gives it.

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use kube::Client;
use serde::Deserialize;
use x509_cert::{
    der::{
        Encode,
        asn1::{Any, BitString, Null, ObjectIdentifier, UintRef},
    },
    spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned},
};

use super::{
    client::{get, within},
    error::Error,
};

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");

/// Who signs the tokens of a cluster.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Issuer {
    /// The issuer as tokens carry it.
    pub issuer: String,
    /// The public keys in PEM, in the order in which the cluster lists them.
    pub public_keys: Vec<String>,
}

#[derive(Deserialize)]
struct Configuration {
    issuer: String,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Key>,
}

#[derive(Deserialize)]
#[serde(tag = "kty")]
enum Key {
    #[serde(rename = "RSA")]
    Rsa { n: String, e: String },
    #[serde(rename = "EC")]
    Ec { crv: String, x: String, y: String },
    #[serde(other)]
    Unknown,
}

/// Asks a cluster.
///
/// # Errors
/// [`Error::Call`]; [`Reason::Forbidden`](super::Reason::Forbidden) when the identity may not ask.
pub async fn read(client: &Client) -> Result<Issuer, Error> {
    let configuration: Configuration = within(
        "read the token issuer",
        client.request(get("/.well-known/openid-configuration")),
    )
    .await?;
    let keys: KeySet = within(
        "read the token issuer's keys",
        client.request(get("/openid/v1/jwks")),
    )
    .await?;
    Ok(Issuer {
        issuer: configuration.issuer,
        public_keys: keys.keys.iter().filter_map(pem).collect(),
    })
}

fn pem(key: &Key) -> Option<String> {
    let info = match key {
        Key::Rsa { n, e } => rsa(&bytes(n)?, &bytes(e)?)?,
        Key::Ec { crv, x, y } => ec(crv, &bytes(x)?, &bytes(y)?)?,
        Key::Unknown => return None,
    };
    let der = info.to_der().ok()?;
    Some(wrapped("PUBLIC KEY", &der))
}

fn rsa(modulus: &[u8], exponent: &[u8]) -> Option<SubjectPublicKeyInfoOwned> {
    let numbers = [
        UintRef::new(modulus).ok()?.to_der().ok()?,
        UintRef::new(exponent).ok()?.to_der().ok()?,
    ];
    let body = Any::new(x509_cert::der::Tag::Sequence, numbers.concat()).ok()?;
    Some(SubjectPublicKeyInfoOwned {
        algorithm: AlgorithmIdentifierOwned {
            oid: RSA,
            parameters: Some(Null.into()),
        },
        subject_public_key: BitString::from_bytes(&body.to_der().ok()?).ok()?,
    })
}

fn ec(curve: &str, x: &[u8], y: &[u8]) -> Option<SubjectPublicKeyInfoOwned> {
    let (curve, size) = match curve {
        "P-256" => (P256, 32),
        "P-384" => (P384, 48),
        "P-521" => (P521, 66),
        _ => return None,
    };
    let mut point = vec![4]; // uncompressed
    for coordinate in [x, y] {
        point.resize(point.len() + size - coordinate.len().min(size), 0);
        point.extend(coordinate);
    }
    Some(SubjectPublicKeyInfoOwned {
        algorithm: AlgorithmIdentifierOwned {
            oid: EC,
            parameters: Some((&curve).into()),
        },
        subject_public_key: BitString::from_bytes(&point).ok()?,
    })
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD
        .decode(text.trim_end_matches('='))
        .ok()
}

fn wrapped(label: &str, der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let lines: Vec<_> = text
        .as_bytes()
        .chunks(64)
        .map(String::from_utf8_lossy)
        .collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}

#[cfg(test)]
mod tests {
    use rcgen::{
        KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_RSA_SHA256, PublicKeyData,
    };
    use x509_cert::der::{Decode, SliceReader, asn1::AnyRef};

    use super::*;

    fn encoded(bytes: &[u8]) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    #[test]
    fn a_point_of_a_curve_becomes_the_key_it_came_from() {
        for (algorithm, curve) in [
            (&PKCS_ECDSA_P256_SHA256, "P-256"),
            (&PKCS_ECDSA_P384_SHA384, "P-384"),
        ] {
            let key = KeyPair::generate_for(algorithm).unwrap();
            let (x, y) = key.der_bytes()[1..].split_at(key.der_bytes().len() / 2);
            let jwk = Key::Ec {
                crv: curve.into(),
                x: encoded(x),
                y: encoded(y),
            };
            assert_eq!(pem(&jwk).unwrap(), key.public_key_pem().replace('\r', ""));
        }
    }

    #[test]
    fn modulus_and_exponent_become_the_key_they_came_from() {
        let key = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
        let mut reader = SliceReader::new(key.der_bytes()).unwrap();
        let sequence = AnyRef::decode(&mut reader).unwrap();
        let mut numbers = SliceReader::new(sequence.value()).unwrap();
        let [n, e] = [(); 2].map(|()| UintRef::decode(&mut numbers).unwrap().as_bytes().to_vec());
        let jwk = Key::Rsa {
            n: encoded(&n),
            e: encoded(&e),
        };
        assert_eq!(pem(&jwk).unwrap(), key.public_key_pem().replace('\r', ""));
    }

    #[test]
    fn a_key_of_another_kind_is_left_out() {
        let set = r#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "AA"}, {"kty": "RSA", "n": "!", "e": "AQAB"}]}"#;
        let set: KeySet = serde_json::from_str(set).unwrap();
        assert_eq!(set.keys.iter().filter_map(pem).count(), 0);
    }
}
