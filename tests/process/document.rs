//! A page of the documentation as commands to type, each with what the page says of it. Running them is up to the caller.

use std::collections::BTreeSet;

/// What the page writes behind a command that is meant to be refused.
const REFUSED: &str = "# exit code ";
const PROGRAMS: [&str; 2] = ["primary-svc", "satellite-svc"];

/// A command, as it is typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Where it begins in the page.
    pub line: usize,
    /// For a shell; what comes from the page line by line is joined.
    pub command: String,
    /// The exit code that the page promises.
    pub code: i32,
    /// Lines that are to be seen; `…` stands for anything.
    pub shown: Vec<String>,
}

/// A page, read.
#[derive(Debug, Default)]
pub struct Document {
    /// In order.
    pub steps: Vec<Step>,
    /// What stands between backticks in the text.
    pub mentioned: Vec<String>,
}

impl Document {
    /// Reads a page. Panics where it has a command that nobody would run: outside `sh` blocks, in a block of another
    /// kind, or cut short.
    pub fn read(text: &str) -> Document {
        let mut document = Document::default();
        let mut lines = text.lines().enumerate();
        while let Some((at, line)) = lines.next() {
            let Some(language) = line.strip_prefix("```") else {
                let bare = PROGRAMS
                    .into_iter()
                    .find(|program| line.contains(&format!("{program} ")));
                assert_eq!(bare, None, "line {}: a command outside an sh block", at + 1);
                let spans = line.split('`').skip(1).step_by(2);
                document.mentioned.extend(spans.map(str::to_owned));
                continue;
            };
            let block: Vec<_> = lines.by_ref().take_while(|(_, line)| *line != "```").collect();
            match language {
                "sh" => document.steps.extend(steps(&block)),
                "text" => {
                    let last = document.steps.last_mut();
                    let last = last.unwrap_or_else(|| panic!("line {}: nothing was run yet", at + 1));
                    let shown = block.iter().map(|(_, line)| line.trim().to_owned());
                    last.shown.extend(shown.filter(|line| !line.is_empty()));
                }
                other => panic!("line {}: a block of the kind {other:?} is not run", at + 1),
            }
        }
        document
    }

    /// What is typed behind a program's name, the first word of each command: `sites`, `stores`, ….
    pub fn subcommands(&self) -> BTreeSet<&str> {
        let words = self.steps.iter().flat_map(|step| step.command.split(PROGRAMS[0]));
        let words = words.flat_map(|part| part.split(PROGRAMS[1])).skip(1);
        words.filter_map(|part| part.split_whitespace().next()).collect()
    }
}

/// The commands of a block; a command goes on over `\` at the end of a line, and over a text up to `END`.
fn steps(block: &[(usize, &str)]) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut lines = block.iter();
    while let Some((at, first)) = lines.next() {
        if first.trim().is_empty() {
            continue;
        }
        let line = at + 1;
        let (first, code) = match first.split_once(REFUSED) {
            Some((first, code)) => (first.trim_end(), code.trim().parse().expect(first)),
            None => (*first, 0),
        };
        let mut command = first.to_owned();
        let mut next = || {
            let (_, next) = lines
                .next()
                .unwrap_or_else(|| panic!("line {line}: it is cut short"));
            *next
        };
        while let Some(begun) = command.strip_suffix('\\') {
            command = format!("{begun}{}", next().trim_start());
        }
        if command.ends_with("<<END") {
            loop {
                let more = next();
                command += &format!("\n{more}");
                if more == "END" {
                    break;
                }
            }
        }
        steps.push(Step {
            line,
            command,
            code,
            shown: Vec::new(),
        });
    }
    steps
}

/// Which of the lines are not to be seen in what was printed. The pieces of a line between `…` must be in one printed
/// line, in their order; how wide a column is does not matter.
pub fn unseen<'a>(shown: &'a [String], printed: &str) -> Vec<&'a str> {
    let narrow = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let printed: Vec<_> = printed.lines().map(narrow).collect();
    let is_seen = |line: &&String| {
        let pieces: Vec<_> = line.split('…').map(narrow).collect();
        printed.iter().any(|printed| {
            let mut rest = printed.as_str();
            pieces.iter().all(|piece| match rest.split_once(piece.as_str()) {
                Some((_, after)) => {
                    rest = after;
                    true
                }
                None => false,
            })
        })
    };
    let missing = shown.iter().filter(|line| !is_seen(line));
    missing.map(String::as_str).collect()
}

#[test]
fn a_page_becomes_its_commands() {
    let page = "See `sites list`.\n```sh\ncat > a <<END\nprimary-svc x\nEND\nprimary-svc sites list \\\n  --data-dir a\n\
                primary-svc sites frob    # exit code 2\n```\n\n```text\n1 Head … A, B\n```\n";
    let document = Document::read(page);
    let step = |line, command: &str, code, shown: &[&str]| Step {
        line,
        command: command.to_owned(),
        code,
        shown: shown.iter().map(|line| (*line).to_owned()).collect(),
    };
    let expected = [
        step(3, "cat > a <<END\nprimary-svc x\nEND", 0, &[]),
        step(6, "primary-svc sites list --data-dir a", 0, &[]),
        step(8, "primary-svc sites frob", 2, &["1 Head … A, B"]),
    ];
    assert_eq!(document.steps, expected);
    assert_eq!(document.mentioned, ["sites list"]);
}

#[test]
fn a_command_that_nobody_would_run_is_told() {
    for page in [
        "Type `primary-svc status` now.",
        "    primary-svc status\n",
        "```\nprimary-svc status\n```\n",
        "```bash\nprimary-svc status\n```\n",
        "```sh\nprimary-svc status \\\n```\n",
    ] {
        let read = std::panic::catch_unwind(|| Document::read(page));
        assert!(read.is_err(), "{page}");
    }
}

#[test]
fn what_is_to_be_seen_is_looked_for_line_by_line() {
    let shown = ["2  North … A".to_owned(), "3 East … A".to_owned()];
    assert_eq!(
        unseen(&shown, "   2  North   -   A\n   3  East   -   B, C\n A"),
        ["3 East … A"]
    );
}
