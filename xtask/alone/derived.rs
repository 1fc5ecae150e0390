//! `ptest` with types of the user's own, derived as the documentation of shared contexts says.

use std::rc::Rc;
use std::sync::Arc;

use ptest::{call_concurrently, setup, test};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Answer {
    Nothing,
    Number(u64),
    Text { text: String, more: Vec<Answer> },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Api {
    url: String,
    answers: Result<Vec<Answer>, String>,
    counted: (Rc<str>, Arc<u8>),
}

#[derive(Debug, Serialize, Deserialize)]
struct Port(u16);

#[setup(shared)]
fn port() -> Result<Port, String> {
    Ok(Port(80))
}

fn same(api: Api) -> Result<Api, Answer> {
    if api.url.is_empty() { Err(Answer::Nothing) } else { Ok(api) }
}

#[test]
fn comes_back(port: &Port) {
    assert_eq!(port.0, 80);
    let answer = Answer::Text { text: "text".to_owned(), more: vec![Answer::Nothing, Answer::Number(7)] };
    let api = Api { url: "url".to_owned(), answers: Ok(vec![answer]), counted: ("rc".into(), Arc::new(7)) };
    for result in call_concurrently(2, same, api.clone()) {
        assert_eq!(result.unwrap(), Ok(api.clone()));
    }
}
