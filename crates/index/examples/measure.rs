//! How long an index takes to fill, and questions to be answered: `measure FOLDER [QUESTION…]`.

#![expect(clippy::print_stdout, reason = "a measure prints")]

use std::path::PathBuf;
use std::thread;
use std::time::Instant;

use opencode_index::{Fill, Index, Question};
use tokio_util::sync::CancellationToken;

const QUESTIONS: [&str; 6] = [
    "where are connections accepted",
    "parse the configuration file",
    "exponential backoff between retries",
    "error",
    "return value of the function",
    "HashMap insert entry",
];

/// How often each question is asked.
const RUNS: usize = 21;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("measure FOLDER [QUESTION…]")?).canonicalize()?;
    let mut questions: Vec<String> = arguments.collect();
    if questions.is_empty() {
        questions = QUESTIONS.map(str::to_owned).to_vec();
    }
    let place = tempfile::tempdir()?;
    let index = Index::open(&place.path().join("index.db"), &folder)?;
    for name in ["first filling", "nothing new"] {
        let begun = Instant::now();
        // On a thread of its own: the one that fills gives way to all others from then on.
        let filling = || index.fill(&Fill::default(), &CancellationToken::new(), |_| {});
        let filled = thread::scope(|scope| scope.spawn(filling).join().map_err(|_| "filling failed"))??;
        println!(
            "{name}: {:.2} s, {} files",
            begun.elapsed().as_secs_f64(),
            filled.changed
        );
    }
    println!("{:?}", index.status()?);
    for text in questions {
        let question = Question {
            text: text.clone(),
            limit: 10,
            ..Question::default()
        };
        let mut times: Vec<f64> = Vec::new();
        let mut best = String::new();
        for _ in 0..RUNS {
            let begun = Instant::now();
            let hits = index.search(&question, None)?;
            times.push(begun.elapsed().as_secs_f64() * 1e3);
            best = hits
                .first()
                .map_or_else(String::new, |hit| format!("{}:{}", hit.path, hit.first));
        }
        times.sort_by(f64::total_cmp);
        println!(
            "{text}: {:.1} ms, at most {:.1} ms; {best}",
            times[RUNS / 2],
            times[RUNS - 1]
        );
    }
    if let Ok(status) = fs_err::read_to_string("/proc/self/status") {
        let peak = status.lines().find(|line| line.starts_with("VmHWM"));
        println!("{}", peak.unwrap_or_default());
    }
    Ok(())
}
