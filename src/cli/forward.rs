//! What goes on to cargo as it was said to us, in cargo's own spelling.

use super::args::{Cli, NAMELESS};
use crate::build::Doctests;

/// cargo test's rule: doctests are run unless targets are chosen.
pub(super) fn doctests(cli: &Cli) -> Doctests {
    let it = &cli.target;
    let all = [it.lib, it.bins, it.examples, it.tests, it.benches, it.all_targets];
    let named = [&it.bin, &it.example, &it.test, &it.bench];
    match it.doc {
        true => Doctests::Only,
        false if it.no_doc || all.contains(&true) || named.iter().any(|names| !names.is_empty()) => Doctests::Without,
        false => Doctests::Beside,
    }
}

/// The options that select packages and targets, for cargo. Nothing but cargo's own choice of libraries tells whose
/// doctests are meant by `--doc`, and cargo does not build for these without running them.
pub(super) fn selection_args(cli: &Cli) -> Vec<String> {
    let it = &cli.target;
    let mut args = Words::default();
    args.values("--package", &it.package).flag("--workspace", it.workspace).flag("--all", it.all);
    args.values("--exclude", &it.exclude)
        .flag("--lib", it.lib || it.doc)
        .flag("--bins", it.bins)
        .values("--bin", &it.bin);
    args.flag("--examples", it.examples).values("--example", &it.example).flag("--tests", it.tests);
    args.values("--test", &it.test).flag("--benches", it.benches).values("--bench", &it.bench);
    args.flag("--all-targets", it.all_targets);
    args.0
}

/// The options that select packages and targets, as they were said to us.
pub(super) fn selection_words(cli: &Cli) -> Vec<String> {
    let it = &cli.target;
    let mut args = Words(selection_args(cli));
    if it.doc && !it.lib {
        args.0.retain(|word| word != "--lib");
    }
    args.flag("--doc", it.doc).flag("--no-doc", it.no_doc);
    args.0
}

/// The options that select packages.
pub(super) fn package_args(cli: &Cli) -> Vec<String> {
    let it = &cli.target;
    let mut args = Words::default();
    args.values("--package", &it.package).flag("--workspace", it.workspace).flag("--all", it.all);
    args.values("--exclude", &it.exclude);
    args.0
}

/// The options that say how to build.
pub(super) fn build_args(cli: &Cli) -> Vec<String> {
    let it = &cli.build;
    let mut args = Words::default();
    args.values("--features", &it.features).flag("--all-features", it.all_features);
    args.flag("--no-default-features", it.no_default_features).flag("--release", it.release);
    args.values("--profile", it.profile.as_slice()).values("--target", &it.target);
    args.values("--target-dir", it.target_dir.as_slice()).flag("--ignore-rust-version", it.ignore_rust_version);
    args.0.extend(location_args(cli));
    args.0
}

/// The options that say which workspace, which lock file and which configuration.
fn location_args(cli: &Cli) -> Vec<String> {
    let it = &cli.build;
    let mut args = Words::default();
    args.values("--manifest-path", it.manifest_path.as_slice()).flag("--locked", it.locked);
    args.flag("--offline", it.offline).flag("--frozen", it.frozen).values("--config", &it.config);
    args.values("-Z", &it.unstable);
    args.0
}

/// All that cargo test is given.
pub(super) fn cargo_args(cli: &Cli, colours: Option<&bool>) -> Vec<String> {
    let mut args = Words([selection_args(cli), build_args(cli)].concat());
    args.flag("--quiet", cli.report.quiet).flag("--future-incompat-report", cli.build.future_incompat_report);
    match colours {
        Some(true) => args.0.push("--color=always".to_owned()),
        Some(false) => args.0.push("--color=never".to_owned()),
        None => {}
    }
    match cli.build.timings.as_deref() {
        Some("") => args.0.push("--timings".to_owned()),
        Some(format) => args.0.push(format!("--timings={format}")),
        None => {}
    }
    args.0
}

/// What cargo metadata is given: it takes some of the same.
pub(super) fn metadata_args(cli: &Cli) -> Vec<String> {
    let it = &cli.build;
    let mut args = Words(location_args(cli));
    args.values("--features", &it.features).flag("--all-features", it.all_features);
    args.flag("--no-default-features", it.no_default_features);
    // There is no option for it, but cargo metadata has to tell the folder that is used.
    args.values(
        "--config",
        it.target_dir.iter().map(|path| format!("build.target-dir={path:?}")).collect::<Vec<_>>().as_slice(),
    );
    args.0
}

/// Arguments in the making.
#[derive(Default)]
struct Words(Vec<String>);

impl Words {
    fn flag(&mut self, name: &str, set: bool) -> &mut Self {
        self.0.extend(set.then(|| name.to_owned()));
        self
    }

    fn values(&mut self, name: &str, values: &[String]) -> &mut Self {
        for value in values {
            self.0.push(name.to_owned());
            self.0.extend((value != NAMELESS).then(|| value.clone()));
        }
        self
    }
}
