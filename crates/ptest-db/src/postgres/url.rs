//! The address of a server, with a place for the name of a database.

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// A `postgresql://` URL, taken apart around the name of the database.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct ServerUrl {
    before: String,
    database: String,
    after: String,
}

impl ServerUrl {
    pub(super) fn parse(url: &str) -> Result<Self, Error> {
        let rest = ["postgresql://", "postgres://"].iter().find_map(|scheme| url.strip_prefix(scheme));
        let rest = rest.ok_or_else(|| {
            Error::new("it is no URL of PostgreSQL; say postgresql://user:password@host:port/postgres")
        })?;
        let scheme = &url[..url.len() - rest.len()];
        let (address, after) = rest.split_at(rest.find('?').unwrap_or(rest.len()));
        let (authority, database) = address.split_once('/').unwrap_or((address, ""));
        Ok(Self { before: format!("{scheme}{authority}/"), database: database.to_owned(), after: after.to_owned() })
    }

    /// Of a server that listens on a socket in a folder.
    pub(super) fn of_socket(folder: &str, user: &str) -> Self {
        let folder: String = folder.bytes().fold(String::new(), |text, byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                text + char::from(byte).encode_utf8(&mut [0; 4])
            }
            _ => text + &format!("%{byte:02X}"),
        });
        Self { before: format!("postgresql://{user}@{folder}/"), database: "postgres".to_owned(), after: String::new() }
    }

    /// The database that the URL itself names.
    pub(super) fn database(&self) -> &str {
        if self.database.is_empty() { "postgres" } else { &self.database }
    }

    pub(super) fn of(&self, database: &str) -> String {
        format!("{}{database}{}", self.before, self.after)
    }
}

/// Without the password, for it ends up in logs.
impl std::fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let host = self.before.rsplit('@').next().unwrap_or_default();
        write!(f, "postgresql://{}", host.trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::ServerUrl;

    #[test]
    fn another_database_takes_the_place_of_the_named_one() {
        for (url, expected) in [
            ("postgres://u:p@h:1/db?sslmode=disable", "postgres://u:p@h:1/x?sslmode=disable"),
            ("postgresql://h", "postgresql://h/x"),
            ("postgresql://h?user=u/v", "postgresql://h/x?user=u/v"),
        ] {
            assert_eq!(ServerUrl::parse(url).unwrap().of("x"), expected);
        }
        assert_eq!(ServerUrl::of_socket("/tmp/a b", "u").of("x"), "postgresql://u@%2Ftmp%2Fa%20b/x");
    }

    #[test]
    fn a_list_of_settings_is_no_url() {
        assert!(ServerUrl::parse("host=localhost user=u").is_err());
    }

    #[test]
    fn a_password_is_not_shown() {
        let url = ServerUrl::parse("postgresql://me:secret@host/db").unwrap();
        assert_eq!(format!("{url:?}"), "postgresql://host");
    }
}
