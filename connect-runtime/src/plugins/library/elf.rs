//! Looks at a library's file before it is loaded (pure): what the loader would refuse without a word, or die of.

/// Why a file cannot be a library of this platform. The text completes the sentence "it is not loaded: ...".
pub fn check(file: &[u8]) -> Result<(), String> {
    let Some(head) = file.first_chunk::<64>() else {
        return Err("it is no library: it is too short".to_owned());
    };
    if !head.starts_with(b"\x7fELF") {
        return Err("it is no library (an ELF file)".to_owned());
    }
    if head[4] != 2 || head[5] != 1 {
        return Err("it was built for another platform: not 64 bits, little-endian".to_owned());
    }
    let machine = u16_at(file, 18)?;
    if machine != MACHINE {
        return Err(format!(
            "it was built for another platform: {}, and this is {}",
            machine_name(machine),
            machine_name(MACHINE)
        ));
    }
    if u16_at(file, 16)? != SHARED_OBJECT {
        return Err("it is a program or an object file, not a library: is `crate-type` `cdylib`?".to_owned());
    }
    let (programs, size, count) = (u64_at(file, 32)?, u16_at(file, 54)?, u16_at(file, 56)?);
    for index in 0..u64::from(count) {
        let at = programs.saturating_add(index * u64::from(size));
        let at = usize::try_from(at).map_err(|_| TRUNCATED)?;
        let (offset, length) = (u64_at(file, at.saturating_add(8))?, u64_at(file, at.saturating_add(32))?);
        if offset.saturating_add(length) > file.len() as u64 {
            return Err(TRUNCATED.to_owned());
        }
    }
    let (sections, size, count) = (u64_at(file, 40)?, u16_at(file, 58)?, u16_at(file, 60)?);
    if sections.saturating_add(u64::from(size) * u64::from(count)) > file.len() as u64 {
        return Err(TRUNCATED.to_owned());
    }
    Ok(())
}

const TRUNCATED: &str = "it is truncated: was it copied in whole?";
const SHARED_OBJECT: u16 = 3;

#[cfg(target_arch = "x86_64")]
const MACHINE: u16 = 62;
#[cfg(target_arch = "aarch64")]
const MACHINE: u16 = 183;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const MACHINE: u16 = 0;

fn machine_name(machine: u16) -> String {
    match machine {
        3 => "x86".to_owned(),
        40 => "arm".to_owned(),
        62 => "x86_64".to_owned(),
        183 => "aarch64".to_owned(),
        243 => "riscv".to_owned(),
        other => format!("machine {other}"),
    }
}

fn u16_at(file: &[u8], at: usize) -> Result<u16, String> {
    let bytes = file.get(at..).and_then(|rest| rest.first_chunk()).ok_or(TRUNCATED)?;
    Ok(u16::from_le_bytes(*bytes))
}

fn u64_at(file: &[u8], at: usize) -> Result<u64, String> {
    let bytes = file.get(at..).and_then(|rest| rest.first_chunk()).ok_or(TRUNCATED)?;
    Ok(u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A library with one segment of 16 bytes behind its headers.
    fn library() -> Vec<u8> {
        let mut file = vec![0; 64 + 56 + 16];
        file[..6].copy_from_slice(b"\x7fELF\x02\x01");
        file[16..18].copy_from_slice(&SHARED_OBJECT.to_le_bytes());
        file[18..20].copy_from_slice(&MACHINE.to_le_bytes());
        file[32..40].copy_from_slice(&64u64.to_le_bytes());
        file[54..56].copy_from_slice(&56u16.to_le_bytes());
        file[56..58].copy_from_slice(&1u16.to_le_bytes());
        file[64 + 8..64 + 16].copy_from_slice(&120u64.to_le_bytes());
        file[64 + 32..64 + 40].copy_from_slice(&16u64.to_le_bytes());
        file
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said() {
        assert_eq!(check(&library()), Ok(()));
        assert!(check(b"hello").unwrap_err().contains("too short"));
        assert!(check(&[b'a'; 100]).unwrap_err().contains("no library"));
        for length in 64..library().len() {
            assert_eq!(check(&library()[..length]), Err(TRUNCATED.to_owned()), "{length}");
        }
        let mut other = library();
        other[18..20].copy_from_slice(&243u16.to_le_bytes());
        assert!(check(&other).unwrap_err().contains("another platform: riscv"), "{:?}", check(&other));
        let mut program = library();
        program[16] = 2;
        assert!(check(&program).unwrap_err().contains("cdylib"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_looked_at_without_a_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..300), is_elf: bool) {
            if is_elf && bytes.len() > 20 {
                let whole = library();
                bytes[..20].copy_from_slice(&whole[..20]);
            }
            let _ = check(&bytes);
        }
    }
}
