//! What the documentation says of `prtcli` is so.

use clap::Parser as _;
use prt_docs::{PAGES, Section};

use crate::args::Cli;

#[test]
fn the_reference_is_what_the_code_gives() {
    let options = clap_markdown::MarkdownOptions::new()
        .title("prtcli".into())
        .show_footer(false)
        .show_table_of_contents(false);
    let text = clap_markdown::help_markdown_custom::<Cli>(&options);
    let mut page = String::from(
        "# prtcli\n\nAll commands and options, made from the program by `scripts/docs.sh`. The first part holds for every command.\n",
    );
    for line in text.lines().skip_while(|line| !line.starts_with("## ")) {
        // Headings as everywhere else in these pages; `Cli` is what `prtcli help` is to clap.
        let line = line.replace("######", "####").replace("**", "");
        let line = match line.strip_prefix("#### ") {
            Some(heading) => format!("#### {}", heading.trim_end_matches(':')),
            None => line,
        };
        page.push('\n');
        page.push_str(line.trim_end());
    }
    page.push('\n');
    let page = page.replace("\n\n\n", "\n\n");
    prt_docs::generated::check("prtcli", &page);
}

/// The fenced blocks of a language.
fn blocks(source: &str, language: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Option<(String, Option<String>)> = None;
    for line in source.lines() {
        let fence = line.starts_with("```");
        match open.take() {
            None if fence => {
                let wanted = line.trim_start_matches('`') == language;
                open = Some((
                    line.chars().take_while(|c| *c == '`').collect(),
                    wanted.then(String::new),
                ));
            }
            None => {}
            Some((end, text)) if line == end => found.extend(text),
            Some((end, text)) => open = Some((end, text.map(|text| text + line + "\n"))),
        }
    }
    found
}

/// Calls of `prtcli` in a shell text: lines put together, variables before the command left out.
fn calls(shell: &str) -> Vec<Vec<String>> {
    shell
        .replace("\\\n", " ")
        .lines()
        .filter_map(|line| {
            let words = shlex::split(line).unwrap_or_else(|| panic!("not what a shell understands: {line}"));
            let at = words.iter().position(|word| word == "prtcli")?;
            let before = &words[..at];
            before
                .iter()
                .all(|word| word.contains('='))
                .then(|| words[at..].to_vec())
        })
        .collect()
}

#[test]
fn every_example_is_understood() {
    let mut seen = 0;
    for page in PAGES.iter().filter(|page| page.section == Section::Tutorial) {
        let mut lines = blocks(page.source, "sh")
            .iter()
            .flat_map(|block| calls(block))
            .collect::<Vec<_>>();
        // Commands in running text and tables are meant to be typed too.
        let inline = page
            .source
            .split('`')
            .filter(|code| code.starts_with("prtcli ") && !code.contains('\n'));
        let whole = inline.filter(|code| !code.ends_with("NAME")).filter_map(shlex::split);
        lines.extend(whole.filter(|words| words.len() > 2));
        for words in lines {
            seen += 1;
            if let Err(error) = Cli::try_parse_from(&words) {
                // A command that is only named, as in "`prtcli token revoke`", lacks its arguments and nothing else.
                let named = words.len() <= 3 && error.kind() == clap::error::ErrorKind::MissingRequiredArgument;
                assert!(named, "docs/{}.md: {}\n{error}", page.path, words.join(" "));
            }
        }
    }
    assert!(seen > 25, "only {seen} examples were found");
}

#[test]
fn the_files_to_copy_use_what_there_is() {
    for page in PAGES.iter().filter(|page| page.section == Section::Example) {
        // What a shell would put in does not matter for the options.
        let text = page.source.replace("$(", " ; ").replace(")\"", "");
        let text = text.replace("\\\n", " ");
        let calls: Vec<&str> = text
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'))
            .flat_map(|line| line.match_indices("prtcli ").map(|(at, _)| &line[at..]))
            .collect();
        assert!(calls.len() >= 3, "{}: {calls:?}", page.path);
        for call in calls {
            let end = call.find(" >> ").or_else(|| call.find("' EXIT")).unwrap_or(call.len());
            let words = shlex::split(&call[..end]).unwrap_or_else(|| panic!("{}: {call}", page.path));
            if let Err(error) = Cli::try_parse_from(&words) {
                panic!("docs/{}: {call}\n{error}", page.path);
            }
        }
    }
}
