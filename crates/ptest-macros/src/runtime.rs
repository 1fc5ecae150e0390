//! How a function comes to its end when it is called: at once, or with a runtime for futures.

use proc_macro2::TokenStream;

use crate::attributes::Attribute;
use crate::function::Signature;
use crate::mistakes::Mistakes;

pub(crate) enum Runtime {
    /// It is not async.
    None,
    /// A function that takes the future and returns what it comes to.
    BlockOn(TokenStream),
    /// Attributes such as `#[tokio::main]`: with them the function is not async any more, and may have parameters.
    Main,
    /// Attributes such as `#[tokio::test]`: with them the function is not async any more, but has no parameters, and
    /// libtest knows it.
    Test,
}

/// Decides by the option `block_on` and by the attributes whose names end in `main` and `test`.
pub(crate) fn of(
    signature: &Signature,
    block_on: Option<TokenStream>,
    attributes: &[Attribute],
    what: &str,
    mistakes: &mut Mistakes,
) -> Runtime {
    let is_async = signature.asyncness.is_some();
    let mut runtime = match block_on {
        Some(path) if !is_async => {
            mistakes.at(&path, &format!("{what} that is not async needs no `block_on`: remove it"));
            return Runtime::None;
        }
        Some(path) => Runtime::BlockOn(path),
        None => Runtime::None,
    };
    for attribute in attributes {
        let path = attribute.path();
        match (&runtime, path.ends_in("test"), path.ends_in("main")) {
            (_, false, false) => {}
            (Runtime::BlockOn(_), ..) => {
                mistakes.at(path, "this attribute provides a runtime, and so does `block_on`: remove one of them");
            }
            (_, true, _) => runtime = Runtime::Test,
            (Runtime::None, ..) => runtime = Runtime::Main,
            _ => {}
        }
    }
    if is_async && matches!(runtime, Runtime::None) {
        let attribute = if what == "a test" { "#[tokio::test]" } else { "#[tokio::main(flavor = \"current_thread\")]" };
        let message = format!(
            "{what} that is async needs a runtime: add an attribute below, such as `{attribute}`, or name a function that \
             runs a future: `block_on = futures::executor::block_on`"
        );
        mistakes.at(&signature.asyncness, &message);
    }
    runtime
}
