//! Overwrites parts of a file, as failing hardware would.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::Result;
use cluster::Options;
use rand::{Rng, RngExt};

/// Settings of a server that reads damaged pages, checksums or not.
pub fn options() -> Options {
    Options::new().set("ignore_checksum_failure", "on")
}

/// PostgreSQL's block size.
pub const BLOCK: u64 = 8192;

/// What happens to a file.
#[derive(Debug, Clone)]
pub enum Damage {
    /// These bytes are written at this place.
    Overwrite {
        /// Where.
        at: u64,
        /// What.
        bytes: Vec<u8>,
    },
    /// A block becomes zeros.
    Zero {
        /// Which block.
        block: u64,
    },
    /// A block gets the content of another one.
    Copy {
        /// The block that is read.
        from: u64,
        /// The block that is overwritten.
        to: u64,
    },
    /// The file ends here.
    Truncate {
        /// The new length in bytes.
        length: u64,
    },
}

impl Damage {
    /// Some damage to a file of this content. Most of it hits bytes in use, and the small numbers
    /// that page layouts are made of are more likely than others.
    pub fn random(rng: &mut impl Rng, content: &[u8]) -> Self {
        let blocks = content.len() as u64 / BLOCK;
        match rng.random_range(0..20) {
            0 => Self::Zero {
                block: rng.random_range(0..blocks),
            },
            1 => Self::Copy {
                from: rng.random_range(0..blocks),
                to: rng.random_range(0..blocks),
            },
            2 => Self::Truncate {
                length: rng.random_range(0..blocks) * BLOCK,
            },
            _ => Self::Overwrite {
                at: used_byte(rng, content),
                bytes: bytes(rng),
            },
        }
    }

    /// Does it.
    pub fn inflict(&self, path: &Path) -> Result<()> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let length = file.metadata()?.len();
        match self {
            Self::Overwrite { at, bytes } => {
                let room = usize::try_from(length - at)?.min(bytes.len());
                file.write_all_at(&bytes[..room], *at)?;
            }
            Self::Zero { block } => file.write_all_at(&[0; BLOCK as usize], block * BLOCK)?,
            Self::Copy { from, to } => {
                let mut content = [0; BLOCK as usize];
                file.read_exact_at(&mut content, from * BLOCK)?;
                file.write_all_at(&content, to * BLOCK)?;
            }
            Self::Truncate { length } => file.set_len(*length)?,
        }
        Ok(())
    }
}

/// A place in a block chosen first, so that every block is hit alike; mostly one that is not in
/// the hole of zeros in the middle of a page.
fn used_byte(rng: &mut impl Rng, content: &[u8]) -> u64 {
    let block = rng.random_range(0..content.len() as u64 / BLOCK) * BLOCK;
    for _ in 0..100 {
        let at = block + rng.random_range(0..BLOCK);
        if content[usize::try_from(at).expect("small file")] != 0 {
            return at;
        }
    }
    block + rng.random_range(0..BLOCK)
}

fn bytes(rng: &mut impl Rng) -> Vec<u8> {
    let length = [1, 2, 4, 8, 64][rng.random_range(0..5)];
    match rng.random_range(0..4) {
        0 => vec![0xff; length],
        1 => vec![0; length],
        2 => {
            let small: u8 = rng.random_range(1..16);
            (0..length)
                .map(|at| if at == 0 { small } else { 0 })
                .collect()
        }
        _ => (0..length).map(|_| rng.random()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, Damage};

    #[test]
    fn damage_lands_where_it_should() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), vec![7; 2 * BLOCK as usize]).unwrap();
        Damage::Zero { block: 1 }.inflict(file.path()).unwrap();
        Damage::Overwrite {
            at: 2 * BLOCK - 1,
            bytes: vec![1, 2, 3],
        }
        .inflict(file.path())
        .unwrap();
        let content = std::fs::read(file.path()).unwrap();
        assert_eq!(content.len(), 2 * BLOCK as usize);
        assert_eq!(
            (
                content[0],
                content[BLOCK as usize],
                content[content.len() - 1]
            ),
            (7, 0, 1)
        );
        Damage::Copy { from: 0, to: 1 }
            .inflict(file.path())
            .unwrap();
        Damage::Truncate { length: BLOCK }
            .inflict(file.path())
            .unwrap();
        assert_eq!(std::fs::read(file.path()).unwrap(), vec![7; BLOCK as usize]);
    }
}
