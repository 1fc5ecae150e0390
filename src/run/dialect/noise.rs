//! What a thread that outlives its test can do to the lines that tell tests apart, tried at random.

use proptest::prelude::*;

use super::lines::word;
use super::{Ended, Expected, Fact, Libtest, Verdict};

/// What libtest and its tests write about one test, in the pieces in which a pipe takes it: a marker that is too long
/// for that (that of `t3`, say) is two. Before the last piece but one the log has the verdict.
fn pieces(name: &str, verdict: Verdict) -> Vec<String> {
    let panic = format!("\nthread '{name}' (7) panicked at x.rs:1:1:\nwhy {name} failed\n");
    let said = Some(panic).filter(|_| verdict == Verdict::Failed);
    let word = String::from_utf8(word(verdict).to_vec()).unwrap();
    let marker = match name {
        "t3" => vec!["test t".to_owned(), "3 ... ".to_owned()],
        _ => vec![format!("test {name} ... ")],
    };
    marker.into_iter().chain(said).chain([word, "\n".to_owned()]).collect()
}

/// Writes about tests with noise between the pieces, and what is in the log before each piece.
fn noisy_run(verdicts: &[Verdict], noises: &[Option<usize>]) -> Vec<(String, String)> {
    const NOISES: [&str; 8] =
        ["ok\n", "FAILED\n", "\n", "ok", "ignored, by nobody", "NOISE", "test t1 ... ", "test t4 ... ok\n"];
    let mut noises = noises.iter();
    let mut written = vec![(format!("\nrunning {} tests\n", verdicts.len()), String::new())];
    for (number, verdict) in verdicts.iter().enumerate() {
        let name = format!("t{number}");
        let pieces = pieces(&name, *verdict);
        let last = pieces.len() - 2;
        for (place, piece) in pieces.into_iter().enumerate() {
            let word = if *verdict == Verdict::Passed { "ok" } else { "failed" };
            let record = if place == last { format!("{word} {name}\n") } else { String::new() };
            written.push((piece, record));
            let noise = noises.next().copied().flatten().filter(|_| number > 0 || place > 0);
            written.extend(noise.map(|noise| (NOISES[noise].to_owned(), String::new())));
        }
    }
    written.push(("\ntest result: FAILED.".to_owned(), String::new()));
    written
}

proptest! {
    /// Whatever a leftover thread writes between libtest's pieces, a panic belongs to the test that it names.
    #[test]
    fn noise_between_the_pieces_moves_no_panic(
        verdicts in prop::collection::vec(prop_oneof![Just(Verdict::Passed), Just(Verdict::Failed)], 2..7),
        noises in prop::collection::vec(prop::option::of(0..8_usize), 0..40),
        reads in prop::collection::vec((0..6_usize, 0..6_usize, any::<bool>()), 0..40),
    ) {
        let names: Vec<String> = (0..verdicts.len()).map(|number| format!("t{number}")).collect();
        let expected = names.iter().map(|name| Expected::named(name));
        let mut it = Libtest::new(&expected.collect::<Vec<_>>(), None, true, false);
        let written = noisy_run(&verdicts, &noises);
        let (mut text_at, mut log_at, mut reads) = (0, 0, reads.into_iter());
        let mut facts = Vec::new();
        while text_at < written.len() {
            let (text, log, silent) = reads.next().unwrap_or((100, 0, false));
            // The text is read up to what the log was read up to before, or further; and then the log.
            let text_end = (text_at + text).max(log_at).min(written.len());
            let log_end = (text_end + log).max(log_at).min(written.len());
            let text: String = written[text_at..text_end].iter().map(|it| &*it.0).collect();
            let log: String = written[log_at..log_end].iter().map(|it| &*it.1).collect();
            it.read(text.as_bytes(), log.as_bytes());
            if silent {
                it.settle();
            }
            facts.extend(it.take_facts());
            (text_at, log_at) = (text_end, log_end);
        }
        facts.extend(it.end().0);
        let ended: Vec<&Ended> =
            facts.iter().filter_map(|fact| if let Fact::Ended(ended) = fact { Some(ended) } else { None }).collect();
        prop_assert_eq!(ended.iter().map(|it| it.verdict).collect::<Vec<_>>(), verdicts);
        for ended in ended {
            let output = ended.output.clone().into_text();
            for (place, name) in names.iter().enumerate() {
                let panics = usize::from(place == ended.place && ended.verdict == Verdict::Failed);
                let told = output.matches(&format!("why {name} failed")).count();
                prop_assert_eq!(told, panics, "{} in {:?} of {:?}", name, output, written);
            }
        }
    }
}
