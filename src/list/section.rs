//! Takes the annotations out of a test binary's file. Only the table of sections is read of a binary that has none.
//!
//! The section holds addresses of texts, as the program will find them in memory: where they are in the file, the file says
//! of each of its parts. And in a program that can be loaded anywhere, the addresses themselves may stand apart, in a table
//! for the dynamic linker.

use anyhow::{Context, Result};
use camino::Utf8Path;
use object::elf::{FileHeader32, FileHeader64, PT_LOAD, SHF_ALLOC};
use object::read::elf::{FileHeader, ProgramHeader, Rela, SectionHeader};
use object::{Endian, Endianness, FileKind, Object, ObjectSection, ObjectSegment, ReadCache, ReadRef};
use ptest::wire::annotation::{SECTION_COFF, SECTION_ELF, SECTION_MACH_O};

use crate::files;

/// The texts in the section; `None` where there is none, or where the file is of a kind that has no sections.
pub(super) fn read(binary: &Utf8Path) -> Result<Option<Vec<String>>> {
    let file = ReadCache::new(files::open(binary).with_context(|| format!("cannot open {binary}"))?);
    let Ok(kind) = FileKind::parse(&file) else { return Ok(None) };
    let section = match kind {
        // The general reader would begin with the table of symbols, which is long.
        FileKind::Elf32 => elf::<FileHeader32<Endianness>, _>(&file),
        FileKind::Elf64 => elf::<FileHeader64<Endianness>, _>(&file),
        _ => object::File::parse(&file).and_then(|file| other(&file)),
    };
    let section = section.with_context(|| format!("cannot read the sections of {binary}"))?;
    let texts = section.map(|section| {
        section
            .texts(&file)
            .with_context(|| format!("cannot read the annotations in {binary}: they are not where they should be"))
    });
    texts.transpose()
}

/// The section, and what is needed to find what it points to.
struct Section {
    /// An address and a length in turn, for each text. Zeroes are gaps.
    words: Vec<u64>,
    parts: Vec<Part>,
}

/// A part of the file that is loaded into memory.
#[derive(Clone, Copy)]
struct Part {
    address: u64,
    offset: u64,
    size: u64,
}

impl Section {
    fn texts<'data>(&self, file: impl ReadRef<'data>) -> Option<Vec<String>> {
        let texts = self.words.chunks_exact(2).filter(|text| text[0] != 0);
        let places: Vec<(u64, u64)> =
            texts.map(|text| Some((self.offset(text[0], text[1])?, text[1]))).collect::<Option<_>>()?;
        // They are side by side, or nearly so: to read them one by one would take many times as long. There is at least one.
        let start = places.iter().map(|(offset, _)| *offset).min()?;
        let end = places.iter().map(|(offset, length)| offset + length).max()?;
        let bytes = file.read_bytes_at(start, end - start).ok()?;
        let text = |(offset, length): (u64, u64)| {
            let at = usize::try_from(offset - start).ok()?;
            let bytes = bytes.get(at..)?.get(..usize::try_from(length).ok()?)?;
            String::from_utf8(bytes.to_vec()).ok()
        };
        places.into_iter().map(text).collect()
    }

    /// Where in the file it is that so many bytes come from.
    fn offset(&self, address: u64, length: u64) -> Option<u64> {
        self.parts.iter().find_map(|part| {
            let within = address.checked_sub(part.address)?;
            let offset = part.offset.checked_add(within)?;
            offset.checked_add(length)?;
            (within.checked_add(length)? <= part.size).then_some(offset)
        })
    }
}

fn elf<'data, Header, Data>(data: Data) -> object::Result<Option<Section>>
where
    Header: FileHeader<Endian = Endianness>,
    Data: ReadRef<'data>,
{
    let header = Header::parse(data)?;
    let endian = header.endian()?;
    let sections = header.sections(endian, data)?;
    let Some((_, section)) = sections.section_by_name(endian, SECTION_ELF.as_bytes()) else { return Ok(None) };
    let mut words = words(section.data(endian, data)?, header.is_class_64(), endian);

    let (start, width) = (section.sh_addr(endian).into(), if header.is_class_64() { 8 } else { 4 });
    // Those of the dynamic linker are loaded; others may be left of what was linked.
    for table in sections.iter().filter(|it| it.sh_flags(endian).contains(SHF_ALLOC)) {
        // Tables of the other kinds leave the addresses where they belong.
        for relocation in table.rela(endian, data)?.map_or(&[][..], |(table, _)| table) {
            let distance = relocation.r_offset(endian).into().wrapping_sub(start);
            let word = usize::try_from(distance / width).ok().and_then(|index| words.get_mut(index));
            if let (Some(word), 0) = (word, distance % width) {
                *word = relocation.r_addend(endian).into().cast_unsigned();
            }
        }
    }

    let loaded = header.program_headers(endian, data)?.iter().filter(|it| it.p_type(endian) == PT_LOAD);
    let parts = loaded.map(|it| Part {
        address: it.p_vaddr(endian).into(),
        offset: it.p_offset(endian).into(),
        size: it.p_filesz(endian).into(),
    });
    Ok(Some(Section { words, parts: parts.collect() }))
}

/// Mach-O and PE files, which have the addresses in the section. Tried on what lld links for both, on neither system.
fn other<'data, Data: ReadRef<'data>>(file: &object::File<'data, Data>) -> object::Result<Option<Section>> {
    let section = [SECTION_MACH_O, SECTION_COFF].iter().find_map(|name| file.section_by_name(name));
    let Some(section) = section else { return Ok(None) };
    let mut words = words(section.data()?, file.is_64(), file.endianness());
    let parts: Vec<Part> = file
        .segments()
        .map(|it| {
            let (offset, size) = it.file_range();
            Part { address: it.address(), offset, size }
        })
        .collect();
    if file.format() == object::BinaryFormat::MachO {
        let base = parts.iter().find(|it| it.offset == 0 && it.size > 0).map_or(0, |it| it.address);
        words.iter_mut().step_by(2).for_each(|address| *address = unchained(*address, base));
    }
    Ok(Some(Section { words, parts }))
}

/// The address in a word that dyld corrects: it has where the next one is in its upper bits, and it may count from where the
/// file's header is loaded.
///
/// From `dyld_chained_ptr_64_rebase` in Apple's `mach-o/fixup-chains.h`.
fn unchained(word: u64, base: u64) -> u64 {
    let target = word & ((1 << 36) - 1);
    if target != 0 && target < base { base + target } else { target }
}

fn words(bytes: &[u8], is_64: bool, endian: Endianness) -> Vec<u64> {
    match is_64 {
        true => bytes.as_chunks().0.iter().map(|word| endian.read_u64(*word)).collect(),
        false => bytes.as_chunks().0.iter().map(|word| endian.read_u32(*word).into()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANNOTATION: &str = "ptest1\x1ftest\x1fcrate_of_nobody\x1fname\x1ffile.rs\x1f7";

    #[used]
    #[cfg_attr(not(any(target_vendor = "apple", windows)), unsafe(link_section = "ptest_meta"))]
    #[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__ptest_meta,regular,no_dead_strip"))]
    #[cfg_attr(windows, unsafe(link_section = ".ptest$b"))]
    static RECORD: &str = ANNOTATION;

    #[test]
    fn the_texts_are_read_from_the_file_of_a_binary() {
        let own = std::env::current_exe().unwrap();
        let texts = read(Utf8Path::from_path(&own).unwrap()).unwrap().unwrap();
        assert!(texts.iter().any(|text| text == ANNOTATION));
    }

    #[test]
    fn what_is_no_binary_has_no_annotations() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "#!/bin/sh\nexec something\n").unwrap();
        assert_eq!(read(Utf8Path::from_path(file.path()).unwrap()).unwrap(), None);
    }

    #[test]
    fn an_address_that_is_nowhere_in_the_file_is_an_error() {
        let parts = vec![Part { address: 0x1000, offset: 4, size: 8 }];
        let texts =
            |words: &[u64]| Section { words: words.to_vec(), parts: parts.clone() }.texts(&b"....a textabc"[..]);
        assert_eq!(texts(&[0x1000, 6, 0, 0, 0x1005, 3]), Some(vec!["a text".to_owned(), "tab".to_owned()]));
        assert_eq!(texts(&[0, 0]), None);
        for nowhere in [[0xfff, 2], [0x1007, 2], [0x1000, u64::MAX]] {
            assert_eq!(texts(&nowhere), None, "{nowhere:x?}");
        }
    }

    #[test]
    fn addresses_are_taken_out_of_the_chains_of_dyld() {
        let base = 0x1_0000_0000;
        for word in [0x1_0000_4321, 0x4321, 0x0088_0001_0000_4321, 0x0010_0000_0000_4321] {
            assert_eq!(unchained(word, base), 0x1_0000_4321, "{word:x}");
        }
        assert_eq!(unchained(0, base), 0);
    }
}
