//! Reads JUnit XML back, and has xmllint check it against the schema that we ship.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;

use crate::reports::Entry;
use crate::tool::{clean, ptest, skipped};

/// An element with all that is in it.
#[derive(Debug, Default)]
pub struct Element {
    pub name: String,
    pub attributes: BTreeMap<String, String>,
    pub text: String,
    pub children: Vec<Element>,
}

impl Element {
    /// The root of a document. Fails if it is not well-formed.
    #[track_caller]
    pub fn parse(xml: &str) -> Self {
        let mut reader = Reader::from_str(xml);
        // The elements that are open; the first one stands for the document.
        let mut open = vec![Self::default()];
        loop {
            match reader.read_event().expect("well-formed XML") {
                Event::Start(start) => open.push(Self::opened(&start)),
                Event::Empty(start) => open.last_mut().unwrap().children.push(Self::opened(&start)),
                Event::End(_) => {
                    let closed = open.pop().unwrap();
                    open.last_mut().unwrap().children.push(closed);
                }
                Event::Text(text) => open.last_mut().unwrap().text += &text.xml10_content().unwrap(),
                Event::CData(text) => open.last_mut().unwrap().text += &text.xml10_content().unwrap(),
                Event::GeneralRef(reference) => open.last_mut().unwrap().text.push_str(&resolved(&reference)),
                Event::Eof => break,
                Event::Decl(_) | Event::PI(_) | Event::Comment(_) | Event::DocType(_) => {}
            }
        }
        assert_eq!(open.len(), 1, "all elements are closed");
        open.pop().unwrap().children.pop().expect("a root element")
    }

    fn opened(start: &BytesStart) -> Self {
        let attributes = start.attributes().map(|attribute| {
            let attribute = attribute.expect("a well-formed attribute");
            let name = String::from_utf8(attribute.key.as_ref().to_vec()).unwrap();
            (name, attribute.normalized_value(XmlVersion::Implicit1_0).unwrap().into_owned())
        });
        let name = String::from_utf8(start.name().as_ref().to_vec()).unwrap();
        Self { name, attributes: attributes.collect(), ..Self::default() }
    }

    /// An attribute; empty if it is missing.
    pub fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }

    /// An attribute that is a number.
    #[track_caller]
    pub fn number(&self, name: &str) -> usize {
        self.attribute(name).parse().unwrap_or_else(|_| panic!("{name} of <{}> is a number", self.name))
    }

    pub fn children<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    pub fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The value of a `<property>`.
    pub fn property(&self, name: &str) -> Option<&str> {
        let mut properties = self.child("properties")?.children("property");
        Some(properties.find(|it| it.attribute("name") == name)?.attribute("value"))
    }

    /// What this `<testcase>` says of its test.
    fn entry(&self) -> Entry {
        let verdict = ["failure", "error", "skipped"].iter().find_map(|name| self.child(name));
        let place = format!("{}:{}", self.attribute("file"), self.attribute("line"));
        Entry {
            binary: self.attribute("classname").to_owned(),
            name: self.attribute("name").to_owned(),
            outcome: verdict.map_or("passed", |verdict| verdict.attribute("type")).to_owned(),
            message: verdict.map(|verdict| verdict.attribute("message").to_owned()).unwrap_or_default(),
            output: self.child("system-out").map(|output| output.text.clone()).unwrap_or_default(),
            place: self.attributes.contains_key("file").then_some(place),
        }
    }

    /// The cases in this suite.
    pub fn entries(&self) -> Vec<Entry> {
        self.children("testcase").map(Self::entry).collect()
    }
}

fn resolved(reference: &BytesRef) -> String {
    if let Some(character) = reference.resolve_char_ref().expect("a reference to a character") {
        return character.to_string();
    }
    let name = reference.decode().unwrap();
    quick_xml::escape::resolve_predefined_entity(&name).expect("a known entity").to_owned()
}

/// Fails if the file is not as docs/junit.xsd says; says so if that can't be checked here.
#[track_caller]
pub fn validate(file: &Path) {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/junit.xsd");
    match clean("xmllint").arg("--noout").arg("--schema").args([&schema, file]).output() {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            skipped("a JUnit file was not validated: xmllint is not installed");
        }
        Err(error) => panic!("xmllint does not start: {error}"),
    }
}

/// The Python that has junitparser: installed once, and kept for later runs. `None` where there is no Python, or no network
/// to install it from; then that is said.
fn python() -> Option<&'static Path> {
    static PYTHON: OnceLock<Option<PathBuf>> = OnceLock::new();
    let ran = |program: &Path, args: &[&str]| clean(program).args(args).output().is_ok_and(|it| it.status.success());
    let made = PYTHON.get_or_init(|| {
        let tmp = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let (venv, install) = (
            tmp.join("junitparser-5.0.3"),
            ["-m", "pip", "install", "--quiet", "--timeout=20", "--retries=1", "junitparser==5.0.3"],
        );
        let has_it = |venv: &Path| ran(&venv.join("bin/python"), &["-c", "import junitparser"]);
        if !has_it(&venv) {
            // Other processes may be about to do the same.
            let new = tempfile::tempdir_in(tmp).unwrap();
            let folder = new.path().join("venv");
            let installed = ran(Path::new("python3"), &["-m", "venv", folder.to_str()?])
                && ran(&folder.join("bin/python"), &install);
            let _ = installed && std::fs::rename(&folder, &venv).is_ok();
        }
        has_it(&venv).then(|| venv.join("bin/python"))
    });
    if made.is_none() {
        skipped("no JUnit file was read by junitparser: it could not be installed");
    }
    made.as_deref()
}

/// What junitparser, which is none of ours, reads in a JUnit file: for each suite its name, the counts in its attributes
/// and those of its cases.
fn reread(file: &Path) -> Option<BTreeMap<String, Vec<usize>>> {
    const SCRIPT: &str = "
import json, sys
from junitparser import JUnitXml, Failure, Error, Skipped
read = {}
for suite in JUnitXml.fromfile(sys.argv[1]):
    cases = list(suite)
    having = lambda kind: sum(any(isinstance(result, kind) for result in case.result) for case in cases)
    read[suite.name] = [suite.tests, suite.failures, suite.errors, suite.skipped]
    read[suite.name] += [len(cases), having(Failure), having(Error), having(Skipped)]
print(json.dumps(read))
";
    let output = clean(python()?).args(["-c", SCRIPT]).arg(file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn an_independent_parser_reads_the_same_counts() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("junit.xml");
    let all = ["outcomes", "crash", "flaky", "kinds", "noise", "names"];
    ptest(&all)
        .args(["--retries=1", "--junit-output=all"])
        .env("FLAKY_DIR", folder.path())
        .junit(&file)
        .run()
        .expect(100);
    expect_reread(&file);
    let all = std::fs::read_to_string(&file).unwrap();
    assert!(all.contains("<rerunFailure ") && all.contains("<flakyFailure "), "each kind of attempt is there");
}

/// Fails unless junitparser reads the same counts as we do, and each suite has as many cases as it says.
#[track_caller]
pub fn expect_reread(file: &Path) {
    let Some(read) = reread(file) else { return };
    let suites = Element::parse(&std::fs::read_to_string(file).unwrap());
    let ours = suites.children("testsuite").map(|suite| {
        let attributes = ["tests", "failures", "errors", "skipped"].map(|name| suite.number(name));
        let having = |name: &str| suite.children("testcase").filter(|case| case.child(name).is_some()).count();
        let counted = [suite.children("testcase").count(), having("failure"), having("error"), having("skipped")];
        assert_eq!(attributes, counted, "{}", suite.attribute("name"));
        (suite.attribute("name").to_owned(), [attributes, counted].concat())
    });
    assert_eq!(read, ours.collect());
}
