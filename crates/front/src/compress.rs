//! Compressed siblings (`.br`, `.gz`) of the files that shrink, made once here instead of at each request.

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};

const KINDS: [&str; 7] = ["css", "html", "js", "json", "svg", "txt", "wasm"];

/// Walks the folder; small files are left alone, a packet is a packet.
pub fn tree(dir: &Path) -> Result<()> {
    for entry in fs::read_dir(dir).with_context(|| format!("reading {}", dir.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            tree(&path)?;
        } else if path
            .extension()
            .and_then(|kind| kind.to_str())
            .is_some_and(|kind| KINDS.contains(&kind))
        {
            let bytes = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
            if bytes.len() >= 1024 {
                file(&path, &bytes).with_context(|| format!("compressing {}", path.display()))?;
            }
        }
    }
    Ok(())
}

fn file(path: &Path, bytes: &[u8]) -> Result<()> {
    let sibling = |kind: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(kind);
        name
    };
    let mut packed = Vec::new();
    let params = brotli::enc::BrotliEncoderParams {
        quality: 11,
        lgwin: 24,
        size_hint: bytes.len(),
        ..Default::default()
    };
    brotli::BrotliCompress(&mut &bytes[..], &mut packed, &params)?;
    fs::write(sibling(".br"), packed)?;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(bytes)?;
    fs::write(sibling(".gz"), gzip.finish()?)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn siblings_unpack_to_the_same_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let text = "log line\n".repeat(1000);
        fs::write(dir.path().join("a.js"), &text).unwrap();
        fs::write(dir.path().join("small.js"), "x").unwrap();
        fs::write(dir.path().join("image.png"), &text).unwrap();
        tree(dir.path()).unwrap();

        let mut unpacked = String::new();
        flate2::read::GzDecoder::new(fs::File::open(dir.path().join("a.js.gz")).unwrap())
            .read_to_string(&mut unpacked)
            .unwrap();
        assert_eq!(unpacked, text);
        let mut unpacked = Vec::new();
        brotli::BrotliDecompress(&mut fs::File::open(dir.path().join("a.js.br")).unwrap(), &mut unpacked).unwrap();
        assert_eq!(unpacked, text.as_bytes());
        assert!(!dir.path().join("small.js.br").exists());
        assert!(!dir.path().join("image.png.br").exists());
    }
}
