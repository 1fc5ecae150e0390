//! How many connections each worker may have, so that none takes what another one needs: "too many clients" would else be
//! the commonest complaint of tests that run in parallel.

use std::ffi::OsString;

use postgres::Client;

use crate::error::{Error, Trying};

/// The variable that says how many connections each worker may have.
pub(super) const VARIABLE: &str = "PTEST_DB_CONNS";
/// Sessions of this crate, and a few for whoever looks at the server meanwhile.
const OURS: usize = 10;
/// What a worker keeps open for its next `TxDb`, if that leaves enough.
const KEPT_OPEN: usize = 1;
/// What a server keeps back for its administrators.
const RESERVED: usize = 3;

/// How many connections a server of our own is to allow.
pub(super) fn allowed_for(workers: usize, each: usize) -> usize {
    workers * (each + KEPT_OPEN) + OURS + RESERVED
}

/// What a worker may have open.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Budget {
    /// For the test that it runs.
    pub(super) connections: usize,
    /// Whether it may keep one more for its next test.
    pub(super) keeps: bool,
}

/// How many connections the server allows, and how many of these it keeps back.
pub(super) fn allowed(client: &mut Client) -> Result<(usize, usize), Error> {
    let row = client.query_one(
        "SELECT current_setting('max_connections')::int, current_setting('superuser_reserved_connections')::int",
        &[],
    );
    let row = row.trying(|| "cannot ask the server how many connections it allows".to_owned())?;
    let count = |column| usize::try_from(row.get::<_, i32>(column)).unwrap_or(0);
    Ok((count(0), count(1)))
}

/// Divides what the server allows among the workers. Pure.
pub(super) fn of_workers(
    (most, reserved): (usize, usize),
    needed: usize,
    said: Option<usize>,
    workers: usize,
) -> Result<Budget, Error> {
    let free = most.saturating_sub(reserved + OURS);
    if let Some(said) = said.filter(|said| *said > free) {
        return Err(Error::new(format!(
            "{VARIABLE}={said} is more than the server has free for all workers together: it allows {most} connections, \
             of which {reserved} are reserved and {OURS} for ptest-db itself, so {free} are left. Lower {VARIABLE}, \
             unset it, or raise max_connections"
        )));
    }
    let each = said.unwrap_or(free / workers);
    if let Some(said) = said.filter(|said| *said < needed) {
        return Err(Error::new(format!(
            "too few connections: {VARIABLE}={said}, and a test needs {needed}. Raise {VARIABLE}, or call \
             Template::connections({said}) if that is enough"
        )));
    }
    if each < needed {
        return Err(Error::new(format!(
            "too few connections: the server allows {most}, of which {reserved} are reserved and {OURS} for ptest-db itself; \
             that leaves {each} for each of {workers} workers, and a test needs {needed}. Raise max_connections, use fewer \
             workers, or call Template::connections({each}) if that is enough"
        )));
    }
    let keeps = each >= needed + KEPT_OPEN;
    Ok(Budget { connections: if keeps { each - KEPT_OPEN } else { each }, keeps })
}

/// What the variable says, if it is set.
pub(super) fn said(value: Option<OsString>) -> Result<Option<usize>, Error> {
    let Some(value) = value else { return Ok(None) };
    let value = value.to_string_lossy();
    match value.trim().parse() {
        Ok(count @ 1..) => Ok(Some(count)),
        _ => Err(Error::new(format!(
            "{VARIABLE}={value:?} is not a number of connections: set it to how many each worker may have, such as 5, or \
             unset it"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_kept_only_where_there_is_one_more_than_tests_need() {
        let usual = |workers| of_workers((100, 3), 5, None, workers).map_err(|error| error.to_string());
        assert_eq!(usual(3).unwrap(), Budget { connections: 28, keeps: true });
        assert_eq!(usual(14).unwrap(), Budget { connections: 5, keeps: true });
        assert_eq!(usual(17).unwrap(), Budget { connections: 5, keeps: false });
        assert!(usual(18).unwrap_err().contains("leaves 4 for each of 18 workers"));
        let said = |share| of_workers((100, 3), 5, Some(share), 3).map_err(|error| error.to_string());
        assert_eq!(said(5).unwrap(), Budget { connections: 5, keeps: false });
        assert_eq!(said(7).unwrap(), Budget { connections: 6, keeps: true });
        assert!(said(4).unwrap_err().contains("PTEST_DB_CONNS=4, and a test needs 5"));
        assert!(said(88).unwrap_err().contains("so 87 are left"));
    }

    #[test]
    fn a_number_of_connections_that_is_none_is_an_error_that_names_the_variable() {
        let said = |value: &str| super::said(Some(value.into()));
        assert_eq!(super::said(None).unwrap(), None);
        assert_eq!(said("7").unwrap(), Some(7));
        for wrong in ["", "0", "-1", "many", "5 each"] {
            let error = said(wrong).unwrap_err().to_string();
            assert!(error.starts_with(&format!("PTEST_DB_CONNS={wrong:?} is not a number")), "{error}");
        }
    }
}
