use std::collections::{HashMap, HashSet};

use super::*;
use crate::pages::PAGES;

fn place() -> Place {
    Place {
        url: "http://prt.test:8080".into(),
        platform_version: "26.1.0".into(),
        default_registry: "registry.test/platform".into(),
    }
}

fn rendered(text: &'static str) -> String {
    let page = Page {
        path: "tutorial/x",
        section: Section::Tutorial,
        about: "",
        source: text,
    };
    render(&page, &place()).html
}

#[test]
fn headings_have_the_anchors_of_git_viewers() {
    let mut anchors = Anchors::default();
    assert_eq!(anchors.of("Who may run it"), "who-may-run-it");
    assert_eq!(anchors.of("`prtcli build`"), "prtcli-build");
    assert_eq!(anchors.of("What's \"new\"?"), "whats-new");
    assert_eq!(anchors.of("Use it"), "use-it");
    assert_eq!(anchors.of("Use it"), "use-it-1");
}

#[test]
fn relative_links_are_resolved() {
    assert_eq!(resolve("tutorial/ci-cd", "../ci/build.sh"), "ci/build.sh");
    assert_eq!(resolve("tutorial/ci-cd", "credentials.md"), "tutorial/credentials.md");
    assert_eq!(resolve("tutorial/ci-cd", "../../../etc/passwd"), "etc/passwd");
}

#[test]
fn doors_become_tabs_up_to_the_next_heading_or_rule() {
    let html = rendered(
        "# T\n\n#### Console\n\none\n\n#### prtcli\n\ntwo\n\n---\n\nafter\n\n## More\n\n#### Python\n\nthree\n",
    );
    assert_eq!(html.matches("<fieldset").count(), 2);
    assert_eq!(html.matches(" checked").count(), 2, "the first of each");
    assert!(html.contains("name=\"ways-1\" value=\"prtcli\""), "{html}");
    let after = html.find("<p>after</p>").expect("the text after the rule");
    assert!(html[..after].ends_with("</fieldset>\n"), "{html}");
    assert!(!html.contains("<hr"), "the rule is for git viewers");
    assert!(!html.contains("<h1"), "the page's title shows it");
}

#[test]
fn cells_say_what_they_are() {
    let html = rendered("| you want 25.5.3 | `do` A&B | |\n|---|---|---|\n| a | *b* | c |\n| d | | f |\n");
    assert_eq!(
        html,
        "<div class=\"table-frame\" tabindex=\"0\"><table><thead><tr><th>you want 26.1.0</th><th><code>do</code> A&amp;B</th><th></th></tr></thead><tbody>\n\
         <tr><td>a</td><td><span class=\"cell-label\">do A&amp;B</span><em>b</em></td><td>c</td></tr>\n\
         <tr><td>d</td><td></td><td>f</td></tr>\n\
         </tbody></table>\n</div>\n"
    );
}

#[test]
fn examples_speak_of_this_console() {
    let html = rendered(
        "`https://console.example.com`\n\n```sh\nprtcli --url https://console.example.com # 25.5.3\n```\n\nghcr.io/practicusai/x",
    );
    assert!(!html.contains("example.com"), "{html}");
    assert!(html.contains("prtcli --url http://prt.test:8080 # 26.1.0"));
    assert!(html.contains("registry.test/platform/x"));
}

#[test]
fn nothing_of_a_page_is_markup_that_is_not_ours() {
    let html = rendered("a <script>alert(1)</script> b\n\n<div onclick=\"x\">\n\n```sh\" onload=\"x\n<b>\n```\n");
    assert!(!html.contains("<script") && !html.contains("<div onclick"), "{html}");
    assert!(!html.contains("onload=\"x\"") && html.contains("&lt;b&gt;"), "{html}");
}

#[test]
fn each_page_has_a_title_and_unique_anchors() {
    let mut paths = HashSet::new();
    for page in PAGES {
        assert!(paths.insert(page.path), "{} is there twice", page.path);
        assert_ne!(page.title(), page.path, "{} has no heading", page.path);
        let rendered = render(page, &place());
        let ids: Vec<&str> = rendered
            .html
            .split(" id=\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect();
        let unique: HashSet<&&str> = ids.iter().collect();
        assert_eq!(ids.len(), unique.len(), "{} uses an anchor twice", page.path);
        assert!(
            rendered
                .headings
                .iter()
                .all(|heading| ids.contains(&heading.id.as_str()))
        );
    }
}

#[test]
fn links_lead_to_pages_and_parts_that_exist() {
    let anchors: HashMap<&str, HashSet<String>> = PAGES
        .iter()
        .map(|page| {
            let html = render(page, &place()).html;
            let ids = html.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next());
            (page.path, ids.map(str::to_owned).collect())
        })
        .collect();
    for page in PAGES.iter().filter(|page| page.section != Section::Example) {
        for event in Parser::new_ext(page.source, options()) {
            let Event::Start(Tag::Link { dest_url, .. }) = event else {
                continue;
            };
            if dest_url.contains("://") {
                continue;
            }
            let (file, anchor) = dest_url.split_once('#').unwrap_or((&dest_url, ""));
            let path = if file.is_empty() {
                page.path.to_owned()
            } else {
                resolve(page.path, file)
            };
            let path = path.strip_suffix(".md").unwrap_or(&path);
            let there = anchors
                .get(path)
                .unwrap_or_else(|| panic!("{}: no page for {dest_url}", page.path));
            assert!(
                anchor.is_empty() || there.contains(anchor),
                "{}: {dest_url} leads to no heading",
                page.path
            );
        }
    }
}

#[test]
fn the_tutorial_leads_from_its_first_page_to_its_last() {
    let tutorial: Vec<&Page> = PAGES.iter().filter(|page| page.section == Section::Tutorial).collect();
    for (at, page) in tutorial.iter().enumerate() {
        let (before, after) = page.neighbours();
        assert_eq!(
            before.map(|page| page.path),
            at.checked_sub(1).map(|at| tutorial[at].path)
        );
        assert_eq!(after.map(|page| page.path), tutorial.get(at + 1).map(|page| page.path));
        // The same for git viewers.
        let file = |page: &Page| page.path.trim_start_matches("tutorial/").to_owned();
        let links: Vec<String> = [("Previous", before), ("Next", after)]
            .into_iter()
            .filter_map(|(word, page)| page.map(|page| format!("{word}: [{}]({}.md)", page.title(), file(page))))
            .collect();
        let line = format!("\n---\n\n{}\n", links.join(" · "));
        assert!(page.source.ends_with(&line), "{} does not end with {line}", page.path);
        assert!(!render(page, &place()).html.contains("Previous: "), "{}", page.path);
    }
    for page in PAGES.iter().filter(|page| page.section != Section::Tutorial) {
        assert!(page.neighbours().0.is_none() && page.neighbours().1.is_none());
    }
}

#[test]
fn the_workflow_that_is_shown_is_the_file() {
    let shown = crate::page("tutorial/ci-cd").expect("the page").source;
    let file = crate::page("ci/github-workflow.yml").expect("the file").source;
    assert!(
        shown.contains(&format!("```yaml\n{file}```\n")),
        "docs/tutorial/ci-cd.md shows another workflow than docs/ci/github-workflow.yml"
    );
}
