//! Command lines and addresses for people to read. A report may be shown to anybody, so what may be a secret is masked.
//! Pure.

/// What stands in the place of a secret.
const MASK: &str = "***";

/// Words in the names of settings that are secrets.
const SECRETS: [&str; 5] = ["credential", "key", "password", "secret", "token"];

/// The arguments without values of cargo's configuration, and without users and passwords in addresses.
pub fn settings(args: &[String]) -> Vec<String> {
    mask(args, |_| true)
}

/// The arguments of a command that is to be run again: it needs its settings, but for those that are secrets.
pub fn secrets(args: &[String]) -> Vec<String> {
    mask(args, |setting| {
        let setting = setting.to_lowercase();
        SECRETS.iter().any(|secret| setting.contains(secret))
    })
}

fn mask(args: &[String], is_secret: impl Fn(&str) -> bool) -> Vec<String> {
    let without_value = |setting: &str| match setting.split_once('=') {
        Some((key, _)) if is_secret(setting) => format!("{}={MASK}", key.trim_end()),
        // Without a value it is the path of a file.
        _ => setting.to_owned(),
    };
    let mut is_setting = false;
    let mask = |arg: &String| {
        let text = match arg.strip_prefix("--config=") {
            Some(setting) => format!("--config={}", without_value(setting)),
            None if is_setting => without_value(arg),
            None => arg.clone(),
        };
        is_setting = arg == "--config";
        users(&text)
    };
    args.iter().map(mask).collect()
}

/// A text with `***` for the `user:password` of each address in it.
pub fn users(text: &str) -> String {
    const START: &str = "://";
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(START) {
        let (before, after) = rest.split_at(at + START.len());
        let host = after.find(|c: char| "/?# \t\n\"'".contains(c)).unwrap_or(after.len());
        masked.push_str(before);
        rest = match after[..host].rfind('@') {
            Some(end) => {
                masked.push_str(MASK);
                &after[end..]
            }
            None => after,
        };
    }
    masked + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn values_of_the_configuration_are_masked() {
        for (command, expected) in [
            ("--config registries.x.token=\"secret\" x=y", "--config registries.x.token=*** x=y"),
            ("--config=build.jobs=2 a", "--config=build.jobs=*** a"),
            ("--config ci/cargo.toml", "--config ci/cargo.toml"),
            ("--config", "--config"),
        ] {
            assert_eq!(settings(&words(command)), words(expected));
        }
    }

    #[test]
    fn a_command_to_run_again_keeps_settings_that_are_no_secrets() {
        for (command, expected) in [
            ("--config registries.x.TOKEN=\"secret\"", "--config registries.x.TOKEN=***"),
            ("--config registries={x={token=\"secret\"}}", "--config registries=***"),
            ("--config=build.jobs=2 a", "--config=build.jobs=2 a"),
            ("--config env.DB=\"db://me:hidden@host\"", "--config env.DB=\"db://***@host\""),
        ] {
            assert_eq!(secrets(&words(command)), words(expected));
        }
    }

    #[test]
    fn users_and_passwords_are_masked() {
        for (text, expected) in [
            ("postgres://me:secret@db:5432/x?y=a@b", "postgres://***@db:5432/x?y=a@b"),
            ("--url=https://token@host/", "--url=https://***@host/"),
            ("https://a:b@c, https://d:e@f", "https://***@c, https://***@f"),
            ("https://me:p@ss@host/", "https://***@host/"),
            ("https://host/a@b", "https://host/a@b"),
            ("me@host", "me@host"),
            ("://", "://"),
        ] {
            assert_eq!(users(text), expected);
        }
    }
}
