//! Takes the annotations' section out of a test binary's file. Only the table of sections is read of a binary that has
//! none.

use std::fs::File;

use anyhow::{Context, Result};
use camino::Utf8Path;
use object::elf::{FileHeader32, FileHeader64};
use object::read::elf::{FileHeader, SectionHeader};
use object::{Endianness, FileKind, Object, ObjectSection, ReadCache, ReadRef};
use ptest::wire::annotation::{SECTION_COFF, SECTION_ELF, SECTION_MACH_O};

/// The section's bytes; `None` where there is none, or where the file is of a kind that has no sections.
pub(super) fn read(binary: &Utf8Path) -> Result<Option<Vec<u8>>> {
    let file = ReadCache::new(File::open(binary).with_context(|| format!("cannot open {binary}"))?);
    let Ok(kind) = FileKind::parse(&file) else { return Ok(None) };
    let section = match kind {
        // The general reader would begin with the table of symbols, which is long.
        FileKind::Elf32 => elf::<FileHeader32<Endianness>, _>(&file),
        FileKind::Elf64 => elf::<FileHeader64<Endianness>, _>(&file),
        _ => object::File::parse(&file).and_then(|file| {
            let section = [SECTION_MACH_O, SECTION_COFF].iter().find_map(|name| file.section_by_name(name));
            section.map(|section| section.data()).transpose()
        }),
    };
    let section = section.with_context(|| format!("cannot read the sections of {binary}"))?;
    Ok(section.map(<[u8]>::to_vec))
}

fn elf<'data, Header, Data>(data: Data) -> object::Result<Option<&'data [u8]>>
where
    Header: FileHeader<Endian = Endianness>,
    Data: ReadRef<'data>,
{
    let header = Header::parse(data)?;
    let endian = header.endian()?;
    let sections = header.sections(endian, data)?;
    let section = sections.section_by_name(endian, SECTION_ELF.as_bytes());
    section.map(|(_, section)| section.data(endian, data)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANNOTATION: [u8; 44] = *b"\x02ptest1\x1ftest\x1fcrate_of_nobody\x1fname\x1ffile.rs\x1f7\x03";

    #[used]
    #[cfg_attr(target_os = "linux", unsafe(link_section = "ptest_meta"))]
    #[cfg_attr(target_os = "macos", unsafe(link_section = "__DATA,__ptest_meta,regular,no_dead_strip"))]
    static RECORD: [u8; ANNOTATION.len()] = ANNOTATION;

    #[test]
    fn the_section_is_read_from_the_file_of_a_binary() {
        let own = std::env::current_exe().unwrap();
        let section = read(Utf8Path::from_path(&own).unwrap()).unwrap().unwrap();
        assert!(section.windows(ANNOTATION.len()).any(|it| it == ANNOTATION));
    }

    #[test]
    fn what_is_no_binary_has_no_annotations() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "#!/bin/sh\nexec something\n").unwrap();
        assert_eq!(read(Utf8Path::from_path(file.path()).unwrap()).unwrap(), None);
    }
}
