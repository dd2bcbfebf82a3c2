//! Packs a file or folder into parts that can be fetched one by one.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, Read as _, Write},
    os::unix::fs::{FileTypeExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use tar::{Builder, EntryType, Header};

use super::at;

pub fn pack(source: &Path, folder: &Path, size: u64) -> io::Result<()> {
    let meta = fs::metadata(source).map_err(|_| {
        io::Error::new(
            io::ErrorKind::NotFound,
            format!("there is no file or folder {}", source.display()),
        )
    })?;
    fs::create_dir_all(folder).map_err(at(folder))?;
    let own = fs::metadata(folder).map_err(at(folder))?;
    let mut archive = Archive {
        tar: Builder::new(Parts::new(folder, size)),
        names: HashMap::new(),
        own: (own.dev(), own.ino()),
    };
    archive.tar.follow_symlinks(false);
    match source.file_name() {
        Some(name) if meta.is_file() => archive.one(&source.canonicalize()?, Path::new(name))?,
        _ => archive.below(source, Path::new(""))?,
    }
    let parts = archive.tar.into_inner()?;
    super::processes::print(&format!("{}\n", parts.count))
}

struct Archive {
    tar: Builder<Parts>,
    /// Files with several names that were packed, by device and inode.
    names: HashMap<(u64, u64), PathBuf>,
    /// Device and inode of the folder with the parts.
    own: (u64, u64),
}

impl Archive {
    fn below(&mut self, from: &Path, name: &Path) -> io::Result<()> {
        let mut below: Vec<_> = fs::read_dir(from)
            .map_err(at(from))?
            .collect::<io::Result<_>>()
            .map_err(at(from))?;
        below.sort_by_key(fs::DirEntry::file_name);
        for entry in below {
            self.one(&entry.path(), &name.join(entry.file_name()))?;
        }
        Ok(())
    }

    fn one(&mut self, from: &Path, name: &Path) -> io::Result<()> {
        let meta = fs::symlink_metadata(from).map_err(at(from))?;
        let kind = meta.file_type();
        if kind.is_dir() {
            // The parts themselves.
            if (meta.dev(), meta.ino()) == self.own {
                return Ok(());
            }
            self.tar.append_dir(name, from).map_err(at(from))?;
            return self.below(from, name);
        }
        // No archive has them.
        if kind.is_socket() {
            return Ok(());
        }
        let inode = (meta.dev(), meta.ino());
        if kind.is_file()
            && meta.nlink() > 1
            && let Some(first) = self.names.get(&inode)
        {
            let mut header = Header::new_gnu();
            header.set_metadata(&meta);
            header.set_entry_type(EntryType::Link);
            header.set_size(0);
            return self.tar.append_link(&mut header, name, first).map_err(at(from));
        }
        if kind.is_symlink() {
            return self.tar.append_path_with_name(from, name).map_err(at(from));
        }
        let mut header = Header::new_gnu();
        header.set_metadata(&meta);
        if !kind.is_file() {
            // Pipes and devices: their receiver names them.
            header.set_size(0);
            return self.tar.append_data(&mut header, name, io::empty()).map_err(at(from));
        }
        // The header has the size that the file had. Another one would shift all that follows.
        let mut content = File::open(from).map_err(at(from))?.take(meta.len());
        self.tar
            .append_data(&mut header, name, &mut content)
            .map_err(at(from))?;
        if content.limit() > 0 {
            return Err(io::Error::other(format!(
                "{} changed while it was packed",
                from.display()
            )));
        }
        self.names.insert(inode, name.to_owned());
        Ok(())
    }
}

/// Writes a stream as files of at most `size` bytes.
struct Parts {
    folder: PathBuf,
    size: u64,
    count: u64,
    left: u64,
    file: Option<File>,
}

impl Parts {
    fn new(folder: &Path, size: u64) -> Self {
        Self {
            folder: folder.to_owned(),
            size: size.max(1),
            count: 0,
            left: 0,
            file: None,
        }
    }
}

impl Write for Parts {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.left == 0 {
            self.file = Some(File::create(self.folder.join(format!("part.{}", suffix(self.count))))?);
            (self.count, self.left) = (self.count + 1, self.size);
        }
        let most = bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let written = match &mut self.file {
            Some(file) => file.write(&bytes[..most])?,
            None => 0,
        };
        self.left -= written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// aaaaaa, aaaaab, …
fn suffix(mut at: u64) -> String {
    let mut letters = vec![b'a'; 6];
    for letter in letters.iter_mut().rev() {
        *letter += (at % 26) as u8;
        at /= 26;
    }
    letters.into_iter().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn parts_are_named_in_order() {
        let names = [0, 1, 25, 26, 676].map(suffix);
        assert_eq!(names, ["aaaaaa", "aaaaab", "aaaaaz", "aaaaba", "aaabaa"]);
    }

    #[test]
    fn the_parts_together_are_the_archive() {
        let root = tempfile::tempdir().unwrap();
        let from = root.path().join("from");
        fs::create_dir_all(from.join("sub/empty")).unwrap();
        let content: Vec<u8> = (0..100_000_u32).map(|n| (n % 251) as u8).collect();
        fs::write(from.join("sub/a"), &content).unwrap();
        fs::hard_link(from.join("sub/a"), from.join("z")).unwrap();
        symlink("sub/a", from.join("link")).unwrap();
        let socket = std::os::unix::net::UnixListener::bind(from.join("socket")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, from.join("pipe"), rustix::fs::Mode::RUSR).unwrap();
        // The parts may lie in what is packed.
        let parts = from.join("parts");
        pack(&from, &parts, 4096).unwrap();
        drop(socket);
        let count = fs::read_dir(&parts).unwrap().count() as u64;
        let all: Vec<u8> = (0..count)
            .flat_map(|at| fs::read(parts.join(format!("part.{}", suffix(at)))).unwrap())
            .collect();
        let mut archive = tar::Archive::new(&*all);
        let names: Vec<_> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                (entry.path().unwrap().display().to_string(), entry.header().entry_type())
            })
            .collect();
        let named: Vec<(&str, EntryType)> = names.iter().map(|(name, kind)| (name.as_str(), *kind)).collect();
        assert!(named.contains(&("sub/a", EntryType::Regular)), "{named:?}");
        assert!(named.contains(&("z", EntryType::Link)), "{named:?}");
        assert!(named.contains(&("link", EntryType::Symlink)), "{named:?}");
        assert!(named.contains(&("pipe", EntryType::Fifo)), "{named:?}");
        assert!(!named.iter().any(|(name, _)| name.starts_with("parts")), "{named:?}");
        assert!(named.iter().any(|(name, _)| name.starts_with("sub/empty")), "{named:?}");
        let mut archive = tar::Archive::new(&*all);
        let read = archive.entries().unwrap().find_map(|entry| {
            let mut entry = entry.unwrap();
            let mut bytes = vec![];
            let wanted = entry.path().unwrap() == Path::new("sub/a");
            wanted.then(|| entry.read_to_end(&mut bytes).unwrap())?;
            Some(bytes)
        });
        assert_eq!(read, Some(content));
    }

    #[test]
    fn a_single_file_has_its_own_name() {
        let root = tempfile::tempdir().unwrap();
        let parts = root.path().join("parts");
        fs::write(root.path().join("one"), "1").unwrap();
        pack(&root.path().join("one"), &parts, 1 << 20).unwrap();
        let all = fs::read(parts.join("part.aaaaaa")).unwrap();
        let mut archive = tar::Archive::new(&*all);
        let mut names = archive
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().path().unwrap().into_owned());
        assert_eq!((names.next(), names.next()), (Some("one".into()), None));
        let error = pack(&root.path().join("none"), &parts, 1).unwrap_err();
        assert!(error.to_string().starts_with("there is no file or folder /"), "{error}");
    }
}
