//! A device that makes and uses passkeys, in software: keys on P-256, without attestation, and as dishonest as a test wants it. Made
//! from the specification (Web Authentication, level 2), not from the library that the portal uses.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use p256::ecdsa::{Signature, SigningKey, signature::Signer};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const PRESENT: u8 = 0x01;
const VERIFIED: u8 = 0x04;
const HAS_CREDENTIAL: u8 = 0x40;

#[derive(Clone)]
pub struct Device {
    /// The page's origin, as the browser says it.
    pub origin: String,
    /// The name that the key is bound to.
    pub rp_id: String,
    pub credential: Vec<u8>,
    /// Whose passkey it is, as the portal said when it was made. A key that keeps no such thing has none.
    pub user: Option<Vec<u8>>,
    /// How often it was used. Synchronised passkeys stay at nought.
    pub counter: u32,
    /// Whether it has seen a finger, a face or a PIN.
    pub verifies: bool,
    pub key: SigningKey,
}

impl Device {
    /// A new key for the portal at this origin, which counts from one.
    pub fn at(origin: &str) -> Self {
        let key = SigningKey::from_slice(&rand::random::<[u8; 32]>()).unwrap();
        let rp_id = url::Url::parse(origin).unwrap().domain().unwrap().to_owned();
        let credential = rand::random::<[u8; 20]>().to_vec();
        Self { origin: origin.to_owned(), rp_id, credential, user: None, counter: 1, verifies: true, key }
    }

    /// What the browser answers to `navigator.credentials.create()`.
    pub fn create(&mut self, options: &Value) -> Value {
        self.user = Some(decode(&options["user"]["id"]));
        let client = self.client_data("webauthn.create", options);
        let mut data = self.authenticator_data(HAS_CREDENTIAL);
        data.extend([0; 16]);
        data.extend(u16::try_from(self.credential.len()).unwrap().to_be_bytes());
        data.extend(&self.credential);
        data.extend(self.public_key());
        // {"fmt": "none", "attStmt": {}, "authData": bytes}
        let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x59".to_vec();
        object.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        object.extend(data);
        let id = encode(&self.credential);
        json!({
            "id": id, "rawId": id, "type": "public-key", "clientExtensionResults": {},
            "response": { "clientDataJSON": encode(&client), "attestationObject": encode(&object), "transports": ["internal"] },
        })
    }

    /// What the browser answers to `navigator.credentials.get()`.
    pub fn get(&mut self, options: &Value) -> Value {
        self.counter += u32::from(self.counter > 0);
        let client = self.client_data("webauthn.get", options);
        let data = self.authenticator_data(0);
        let signed = [data.as_slice(), &Sha256::digest(&client)].concat();
        let signature: Signature = self.key.sign(&signed);
        let id = encode(&self.credential);
        json!({
            "id": id, "rawId": id, "type": "public-key", "clientExtensionResults": {},
            "response": {
                "clientDataJSON": encode(&client), "authenticatorData": encode(&data),
                "signature": encode(signature.to_der().as_bytes()), "userHandle": self.user.as_deref().map(encode),
            },
        })
    }

    fn client_data(&self, kind: &str, options: &Value) -> Vec<u8> {
        let data =
            json!({ "type": kind, "challenge": options["challenge"], "origin": self.origin, "crossOrigin": false });
        data.to_string().into_bytes()
    }

    fn authenticator_data(&self, flags: u8) -> Vec<u8> {
        let flags = flags | PRESENT | if self.verifies { VERIFIED } else { 0 };
        let mut data = Sha256::digest(&self.rp_id).to_vec();
        data.push(flags);
        data.extend(self.counter.to_be_bytes());
        data
    }

    /// A COSE key: `{1: 2, 3: -7, -1: 1, -2: x, -3: y}`.
    fn public_key(&self) -> Vec<u8> {
        let point = self.key.verifying_key().to_sec1_point(false);
        let mut key = b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20".to_vec();
        key.extend(point.x().unwrap().as_slice());
        key.extend(b"\x22\x58\x20");
        key.extend(point.y().unwrap().as_slice());
        key
    }
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decode(text: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text.as_str().unwrap()).unwrap()
}
