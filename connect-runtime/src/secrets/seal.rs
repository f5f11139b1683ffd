//! Sealed values: encrypted with a key that lives in the worker's data folder.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};

/// What stands before the colon of a sealed value.
pub(super) const PROVIDER: &str = "sealed";

const KEY_BYTES: usize = 32;

/// Seals and opens values with ChaCha20-Poly1305. The connector's name and the key belong to what is authenticated, so a
/// sealed value is of no use elsewhere.
pub struct Seal {
    key: LessSafeKey,
    id: String,
    random: SystemRandom,
}

/// How many bytes of a hash tell keys apart.
const ID_BYTES: usize = 8;

impl Seal {
    /// Reads the key from a file, or makes one that only the owner can read.
    pub fn open_or_create(file: &Path) -> io::Result<Seal> {
        let bytes = match fs::read(file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => create(file)?,
            Err(error) => return Err(error),
        };
        let key = UnboundKey::new(&CHACHA20_POLY1305, &bytes);
        let key = key.map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not 32 bytes long"))?;
        Ok(Seal { key: LessSafeKey::new(key), id: id_of(&bytes), random: SystemRandom::new() })
    }

    /// Tells this key from others, and nothing else of it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// `${sealed:..}` for a value of that connector's key.
    pub fn seal(&self, value: &str, connector: &str, key: &str) -> String {
        let mut nonce = [0; NONCE_LEN];
        let mut sealed = value.as_bytes().to_vec();
        let filled = self.random.fill(&mut nonce);
        let aad = Aad::from(context(connector, key));
        let done = self.key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed);
        if filled.is_err() || done.is_err() {
            // Without random numbers nothing can be sealed; a value that nobody can open is better than one in clear.
            sealed.clear();
        }
        let mut whole = nonce.to_vec();
        whole.extend(sealed);
        format!("${{{PROVIDER}:{}}}", URL_SAFE_NO_PAD.encode(whole))
    }

    /// The value of `${sealed:TEXT}` at that connector's key.
    pub fn open(&self, text: &str, connector: &str, key: &str) -> Result<String, String> {
        let wrong = || {
            "it was sealed for another connector, another key or by another worker; write the value itself".to_owned()
        };
        let mut whole = URL_SAFE_NO_PAD.decode(text).map_err(|_| wrong())?;
        let (nonce, sealed) = whole.split_at_mut_checked(NONCE_LEN).ok_or_else(wrong)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| wrong())?;
        let opened = self.key.open_in_place(nonce, Aad::from(context(connector, key)), sealed).map_err(|_| wrong())?;
        String::from_utf8(opened.to_vec()).map_err(|_| wrong())
    }
}

fn id_of(key: &[u8]) -> String {
    let hash = digest(&SHA256, &[b"naru seal id 1", key].concat());
    URL_SAFE_NO_PAD.encode(hash.as_ref().get(..ID_BYTES).unwrap_or_default())
}

fn context(connector: &str, key: &str) -> Vec<u8> {
    let mut context = (connector.len() as u64).to_be_bytes().to_vec();
    context.extend_from_slice(connector.as_bytes());
    context.extend_from_slice(key.as_bytes());
    context
}

fn create(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; KEY_BYTES];
    SystemRandom::new().fill(&mut bytes).map_err(|_| io::Error::other("no random numbers to be had"))?;
    let new = file.with_extension("new");
    let mut out = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&new)?;
    out.write_all(&bytes)?;
    out.sync_all()?;
    fs::rename(&new, file)?;
    Ok(bytes)
}
