//! Real embeddings from `.npy` files, where there are any.
//!
//! The directory holds `base.f16.npy` and `queries.f16.npy` (rows x dimensions, half precision).
//! `PG_HNSW_DATA` names it; otherwise `../shared/data/docs` beside the project is looked for.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use half::f16;
use npyz::NpyFile;

use crate::Vectors;

/// Embeddings of passages, and of queries that are not among them.
pub struct Embeddings {
    /// The passages.
    pub base: Vectors,
    /// The queries.
    pub queries: Vectors,
}

impl Embeddings {
    /// Loads at most `rows` passages and `queries` queries; `None` where there is no such data.
    pub fn load(rows: usize, queries: usize) -> Result<Option<Self>> {
        let Some(directory) = directory() else {
            return Ok(None);
        };
        Ok(Some(Self {
            base: read_f16(&directory.join("base.f16.npy"), rows)?,
            queries: read_f16(&directory.join("queries.f16.npy"), queries)?,
        }))
    }
}

fn directory() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("PG_HNSW_DATA") {
        return Some(named.into());
    }
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2)?;
    let beside = workspace.join("../shared/data/docs");
    beside.join("base.f16.npy").exists().then_some(beside)
}

/// At most `limit` rows of a two-dimensional array of half-precision numbers.
fn read_f16(path: &Path, limit: usize) -> Result<Vectors> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let array = NpyFile::new(BufReader::new(file))?;
    let &[rows, dim] = array.shape() else {
        bail!("{}: not two-dimensional", path.display());
    };
    let (rows, dim) = (usize::try_from(rows)?.min(limit), usize::try_from(dim)?);
    let values = array
        .data::<f16>()?
        .take(rows * dim)
        .map(|value| Ok(value?.to_f32()));
    Ok(Vectors::new(dim, values.collect::<Result<_>>()?))
}

#[cfg(test)]
mod tests {
    use super::read_f16;

    #[test]
    fn reads_rows_of_half_precision() {
        let header = "{'descr': '<f2', 'fortran_order': False, 'shape': (3, 2), }";
        let mut bytes = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
        bytes.extend(format!("{header:<117}\n").bytes());
        for value in [1.0, -0.5, 2.0, 3.0, 4.0, 5.0] {
            bytes.extend(half::f16::from_f32(value).to_le_bytes());
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let vectors = read_f16(file.path(), 2).unwrap();
        assert_eq!((vectors.dim(), vectors.len()), (2, 2));
        assert_eq!(vectors.values(), [1.0, -0.5, 2.0, 3.0]);
    }
}
