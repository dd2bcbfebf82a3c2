//! Files and folders put into a worker's build folder.

use std::time::Duration;

use bytes::Bytes;
use reqwest::multipart;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::helpers::{ADMIN_PASSWORD, Console, LocalImage, docker, eventually, plain_worker, sh};

/// A tar archive of files, and of folders by a slash at the end of their path, each with its mode.
fn archive(entries: &[(&str, u32, &str)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, mode, text) in entries {
        let mut header = tar::Header::new_gnu();
        if path.ends_with('/') {
            header.set_entry_type(tar::EntryType::Directory);
        }
        header.set_size(text.len() as u64);
        header.set_mode(*mode);
        archive.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    archive.into_inner().unwrap()
}

/// A tar archive of small files, with its end.
fn tar_of(files: &[(&str, &str)]) -> Vec<u8> {
    let entries: Vec<_> = files.iter().map(|(path, text)| (*path, 0o644, *text)).collect();
    archive(&entries)
}

fn http() -> reqwest::Client {
    reqwest::Client::builder()
        .timeout(Duration::from_mins(3))
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("a client")
}

/// What the page of a new build lists of a worker's build folder.
async fn files(console: &Console, worker: &str) -> Vec<(String, u64)> {
    let answer = http()
        .post(format!("{}/_fn/build_folder", console.url))
        .bearer_auth(console.token("admin", ADMIN_PASSWORD).await.expose())
        .form(&[("worker", worker)])
        .send()
        .await
        .unwrap();
    let folder: serde_json::Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    let file = |file: &serde_json::Value| Some((file["path"].as_str()?.to_owned(), file["size"].as_u64()?));
    let files = folder["files"].as_array().unwrap_or_else(|| panic!("{folder}"));
    files.iter().map(|found| file(found).unwrap()).collect()
}

async fn connect(console: &Console) -> TcpStream {
    TcpStream::connect(console.url.strip_prefix("http://").unwrap())
        .await
        .unwrap()
}

/// The head of a request that puts a body.
fn head(path: &str, token: &str, size: usize, connection: &str) -> String {
    format!(
        "PUT /api/v1/workers/{path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/x-tar\r\nContent-Length: {size}\r\nConnection: {connection}\r\n\r\n"
    )
}

/// Sends a body over a connection of our own and reads only then; `announced` bytes are promised. The answer, if there is one.
async fn put(console: &Console, path: &str, token: &str, body: &[u8], announced: usize) -> Option<String> {
    let mut stream = connect(console).await;
    let head = head(path, token, announced, "close");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.ok()?;
    if body.len() < announced {
        // Nothing more comes from us: the body has broken off.
        stream.shutdown().await.unwrap();
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    Some(answer)
}

/// The status of what was answered to a folder's content.
async fn put_context(console: &Console, worker: &str, path: &str, body: &[u8], announced: usize) -> Option<u16> {
    let token = console.token("admin", ADMIN_PASSWORD).await;
    let path = format!("{worker}/context?path={path}");
    let answer = put(console, &path, token.expose(), body, announced).await?;
    answer.split(' ').nth(1)?.parse().ok()
}

#[tokio::test]
async fn a_refusal_reaches_who_reads_it_after_sending_all() {
    let console = Console::start().await;
    let token = console.token("admin", ADMIN_PASSWORD).await;
    let body = vec![7; 65 * 1024 * 1024];
    for (path, token, words) in [
        ("nobodys/context?path=x", "prt_wrong", "401 Unauthorized"),
        ("nobodys/context?path=x", token.expose(), "404 Not Found"),
        ("nobodys/files?path=x", token.expose(), "404 Not Found"),
    ] {
        let answer = put(&console, path, token, &body, body.len()).await;
        let answer = answer.expect("the connection is not reset");
        assert!(answer.contains(words), "{path}: {answer}");
        let answer = put(&console, path, token, &[], body.len()).await;
        let answer = answer.expect("it is refused before it comes");
        assert!(answer.contains(words), "{path}: {answer}");
    }

    // The connection can be used again.
    let mut stream = connect(&console).await;
    let refused = head("nobodys/context?path=x", "prt_wrong", body.len(), "keep-alive");
    stream.write_all(refused.as_bytes()).await.unwrap();
    stream.write_all(&body).await.unwrap();
    stream
        .write_all(b"GET /health/liveness/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).await.unwrap();
    assert!(
        answers.contains("401 Unauthorized") && answers.ends_with("alive\n"),
        "{answers}"
    );
}

#[tokio::test]
async fn a_folder_is_replaced_by_a_whole_upload_or_not_at_all() {
    let mut console = Console::start().await;
    let admin = console.admin.clone();
    let worker = console.worker(&admin, &plain_worker("X-Small")).await.name;
    let keep = async |body: &[u8]| put_context(&console, &worker, "deep/keep", body, body.len()).await;
    assert_eq!(keep(&tar_of(&[("a", "one"), ("sub/b", "two")])).await, Some(204));
    let kept = async || {
        let done = sh(
            &admin,
            &worker,
            "cd ~/build && cat deep/keep/a && find . ! -name . | sort",
        )
        .await;
        done.stdout
    };
    let before = "one./deep\n./deep/keep\n./deep/keep/a\n./deep/keep/sub\n./deep/keep/sub/b\n";
    assert_eq!(kept().await, before);
    let whole = tar_of(&[("a", "new"), ("c", "three")]);
    for (what, body, announced) in [
        ("garbage", b"this is no archive at all".repeat(100), 2500),
        ("nothing", vec![], 0),
        (
            "an archive without its end",
            whole[..whole.len() - 1024].to_vec(),
            whole.len() - 1024,
        ),
        ("half an archive", whole[..700].to_vec(), 700),
        (
            "an upload that breaks off between two files",
            whole[..1024].to_vec(),
            whole.len(),
        ),
        (
            "an upload that breaks off within a file",
            whole[..600].to_vec(),
            whole.len(),
        ),
    ] {
        let status = put_context(&console, &worker, "deep/keep", &body, announced).await;
        assert!(status.is_none_or(|status| status == 400), "{what}: {status:?}");
        eventually(&format!("the folder is as it was after {what}"), || async {
            (kept().await == before).then_some(())
        })
        .await;
    }
    // More behind the end of the archive than any buffer on the way holds.
    let long = [whole.as_slice(), &vec![0; 64 * 1024 * 1024]].concat();
    let sent = tokio::time::timeout(Duration::from_mins(1), keep(&long)).await;
    assert_eq!(sent.expect("all of it is taken"), Some(204));
    assert_eq!(kept().await, "new./deep\n./deep/keep\n./deep/keep/a\n./deep/keep/c\n");

    // Folders that nobody may write to, as in a module cache: replaced, and nothing of them stays.
    let read_only = archive(&[("dir/", 0o555, ""), ("dir/file", 0o444, "kept")]);
    for body in [&read_only, &read_only] {
        assert_eq!(put_context(&console, &worker, "ro", body, body.len()).await, Some(204));
    }
    let cut = &read_only[..read_only.len() - 1024];
    assert_eq!(put_context(&console, &worker, "ro", cut, cut.len()).await, Some(400));
    let left = "cd ~/build && cat ro/dir/file && mkdir -p .prt-upload-dead/dir/below && chmod 555 .prt-upload-dead/dir && ls -A";
    assert_eq!(
        sh(&admin, &worker, left).await.stdout,
        "kept.prt-upload-dead\ndeep\nro\n"
    );
    assert_eq!(
        put_context(&console, &worker, "ro", &read_only, read_only.len()).await,
        Some(204)
    );
    let cleared = "cd ~/build && ls -A && chmod -R u+w ro && rm -r ro";
    assert_eq!(sh(&admin, &worker, cleared).await.stdout, "deep\nro\n");

    // A link is replaced, what it leads to is not touched.
    let link = "mkdir -m 555 ~/aside && ln -s ~/aside ~/build/link";
    assert_eq!(sh(&admin, &worker, link).await.exit_code, 0);
    assert_eq!(
        put_context(&console, &worker, "link", &whole, whole.len()).await,
        Some(204)
    );
    let replaced = "stat -c %a ~/aside && cd ~/build && [ ! -L link ] && cat link/a && rm -r link";
    assert_eq!(sh(&admin, &worker, replaced).await.stdout, "555\nnew");

    // A file of the former folder may have another name elsewhere.
    let linked = "cd ~/build && mkdir tied && echo x > keep && chmod 444 keep && ln keep tied/keep && chmod 555 tied";
    assert_eq!(sh(&admin, &worker, linked).await.exit_code, 0);
    assert_eq!(
        put_context(&console, &worker, "tied", &whole, whole.len()).await,
        Some(204)
    );
    let untouched = "cd ~/build && stat -c %a keep && ls tied && rm -rf keep tied";
    assert_eq!(sh(&admin, &worker, untouched).await.stdout, "444\na\nc\n");

    // Two into one place that is not there yet: one comes after the other.
    for _ in 0..5 {
        let both = futures::future::join_all(
            [&whole, &whole].map(|body| put_context(&console, &worker, "both", body, body.len())),
        );
        assert_eq!(both.await, [Some(204), Some(204)]);
        let once = "cd ~/build && find both | sort && rm -r both";
        assert_eq!(sh(&admin, &worker, once).await.stdout, "both\nboth/a\nboth/c\n");
    }

    // A console that is killed in the middle of an upload.
    let address = console.url.clone();
    let token = console.token("admin", ADMIN_PASSWORD).await;
    let upload = tokio::spawn({
        let worker = worker.clone();
        // tar reads twenty blocks at a time, and waits for more in the middle of the second file.
        let half = tar_of(&[("a", "newer"), ("long", &"x".repeat(100_000))]);
        let mut sent = Some(half[..50_000].to_vec());
        async move {
            let body = reqwest::Body::wrap_stream(futures::stream::poll_fn(move |_| match sent.take() {
                Some(bytes) => std::task::Poll::Ready(Some(Ok::<_, std::io::Error>(bytes))),
                None => std::task::Poll::Pending,
            }));
            let url = format!("{address}/api/v1/workers/{worker}/context?path=deep/keep");
            let request = http().put(url).bearer_auth(token.expose());
            request.body(body).send().await.is_ok()
        }
    });
    eventually("the first file is unpacked", || async {
        let done = sh(&admin, &worker, "cat ~/build/.prt-upload-*/a").await;
        (done.stdout == "newer").then_some(())
    })
    .await;
    assert_eq!(
        files(&console, &worker).await,
        [("deep/keep/a".to_owned(), 3), ("deep/keep/c".to_owned(), 5)]
    );
    console.kill();
    assert!(!upload.await.unwrap());
    console.run().await;
    let before = "new./deep\n./deep/keep\n./deep/keep/a\n./deep/keep/c\n";
    eventually("nothing is left", || async { (kept().await == before).then_some(()) }).await;
    assert_eq!(
        put_context(&console, &worker, "other", &whole, whole.len()).await,
        Some(204)
    );
    assert_eq!(
        kept().await,
        "new./deep\n./deep/keep\n./deep/keep/a\n./deep/keep/c\n./other\n./other/a\n./other/c\n"
    );
}

#[tokio::test]
async fn a_file_is_replaced_as_a_whole_and_listed_under_its_own_name() {
    let mut console = Console::start().await;
    let client = console.admin.clone();
    let admin = &client;
    let worker = console.worker(admin, &plain_worker("X-Small")).await.name;
    for text in ["first", ""] {
        admin
            .worker_put_file(&worker, "x/y.txt", text.to_owned().into())
            .await
            .unwrap();
        assert_eq!(
            sh(admin, &worker, "cat ~/build/x/y.txt; stat -c %a ~/build/x/y.txt")
                .await
                .stdout,
            format!("{text}644\n")
        );
    }
    // Of any size; and one that breaks off changes nothing, whether its sender waits for an answer or is gone.
    let long = vec![b'x'; 65 * 1024 * 1024];
    admin
        .worker_put_file(&worker, "x/y.txt", long.clone().into())
        .await
        .unwrap();
    let token = console.token("admin", ADMIN_PASSWORD).await;
    let path = format!("{worker}/files?path=x/y.txt");
    // Refused while its content comes, not after it.
    let folder = format!("{worker}/files?path=x");
    let answer = tokio::time::timeout(
        Duration::from_mins(1),
        put(&console, &folder, token.expose(), &long, long.len()),
    );
    let answer = answer.await.expect("it does not hang").expect("an answer");
    assert!(answer.contains("it is a folder"), "{answer}");
    let half = &long[..long.len() / 2];
    let answer = put(&console, &path, token.expose(), half, long.len()).await;
    let answer = answer.expect("an answer");
    assert!(answer.contains("The upload broke off"), "{answer}");
    let mut gone = connect(&console).await;
    let promised = head(&path, token.expose(), long.len(), "close");
    gone.write_all(promised.as_bytes()).await.unwrap();
    gone.write_all(half).await.unwrap();
    drop(gone);
    eventually("nothing is left of what broke off", || async {
        let done = sh(admin, &worker, "cd ~/build && ls -A . && wc -c < x/y.txt").await;
        (done.stdout == format!("x\n{}\n", long.len())).then_some(())
    })
    .await;
    let error = admin.worker_put_file(&worker, ".prt-upload-x", Bytes::new()).await;
    assert!(error.unwrap_err().to_string().contains("for uploads on their way"));
    // A console that is killed leaves nothing: the agent sees that the stream was cut.
    let mut cut = connect(&console).await;
    cut.write_all(promised.as_bytes()).await.unwrap();
    cut.write_all(half).await.unwrap();
    let listed = async || sh(admin, &worker, "ls -A ~/build").await.stdout;
    assert!(listed().await.contains(".prt-upload-"), "{}", listed().await);
    console.kill();
    console.run().await;
    eventually("nothing is left", || async { (listed().await == "x\n").then_some(()) }).await;
    let script = "cd ~/build && echo 1 > a && printf x > 'a\nb' && echo > ' 7 .'";
    assert_eq!(sh(admin, &worker, &script.replace("\\n", "\n")).await.exit_code, 0);
    let named = [(" 7 .", 1), ("a", 2), ("a\nb", 1), ("x/y.txt", long.len() as u64)];
    assert_eq!(
        files(&console, &worker).await,
        named.map(|(path, size)| (path.to_owned(), size))
    );
    // A worker that ends meanwhile is the reason, not the path.
    let mut cut = connect(&console).await;
    cut.write_all(promised.as_bytes()).await.unwrap();
    cut.write_all(half).await.unwrap();
    eventually("it comes", || async {
        listed().await.contains(".prt-upload-").then_some(())
    })
    .await;
    let view = admin.worker(&worker).await.unwrap();
    docker(&["kill", &format!("prt-{}-primary", view.instance_id)]);
    let mut answer = String::new();
    cut.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.contains(&format!("{worker} ended during the upload.")),
        "{answer}"
    );
}

/// Sends files as the form of a new build does, without the fields that a build needs; what is said of that.
async fn form(console: &Console, worker: &str, names: &[&str], text: &'static str) -> String {
    let fields = multipart::Form::new().text("worker", worker.to_owned());
    let fields = names.iter().fold(fields, |fields, name| {
        fields.part("files", multipart::Part::text(text).file_name((*name).to_owned()))
    });
    let request = http()
        .post(format!("{}/_fn/start_build", console.url))
        .bearer_auth(console.token("admin", ADMIN_PASSWORD).await.expose())
        .header("accept", "application/json")
        .multipart(fields);
    request.send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn files_of_a_form_come_among_those_that_are_there() {
    let console = Console::start().await;
    let admin = &console.admin;
    let worker = console.worker(admin, &plain_worker("X-Small")).await.name;
    let before = "cd ~/build && mkdir q3 aside && for n in $(seq 10 29); do echo old > f$n; done && ln -s aside link &&
        mkdir /dev/shm/k && ln -s /dev/shm/k shm && ln -s q3 inner && echo old > q3/f10";
    assert_eq!(sh(admin, &worker, before).await.exit_code, 0);
    let names: Vec<String> = (10..30).map(|n| format!("f{n}")).collect();
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    let content = "cd ~/build && cat f* q3/f10 | sort | uniq -c | tr -s ' '";

    // All or none of them, where that can be known before.
    for (wrong, words) in [
        ("q3", "q3 is a folder"),
        (".prt-upload-mine", "a name of an upload"),
        (
            "shm/f10",
            "shm goes through a link that is absolute or leads out of the build folder",
        ),
    ] {
        let said = form(&console, &worker, &[&names[..], &[wrong]].concat(), "new\n").await;
        assert!(said.contains(words), "{said}");
        assert_eq!(sh(admin, &worker, content).await.stdout, " 21 old\n");
    }

    names.extend(["link", "inner/f10", "deep/er/one", "deep/{}/ {} '$-"]);
    let said = form(&console, &worker, &names, "new\n").await;
    assert!(said.contains("fields are wrong"), "{said}");
    let odd = "cat deep/er/one \"deep/{}/ {} '\\$-\"";
    let after = format!("{content} && {odd} && [ ! -L link ] && cat link && ls -A . aside /dev/shm/k");
    let listed: Vec<&str> = names[..20]
        .iter()
        .copied()
        .chain(["inner", "link", "q3", "shm"])
        .collect();
    assert_eq!(
        sh(admin, &worker, &after).await.stdout,
        format!(
            " 21 new\nnew\nnew\nnew\n.:\naside\ndeep\n{}\n\n/dev/shm/k:\n\naside:\n",
            listed.join("\n")
        )
    );
}

#[tokio::test]
async fn what_cannot_be_a_file_is_not_read_as_one() {
    let console = Console::start().await;
    let admin = &console.admin;
    let worker = console.worker(admin, &plain_worker("X-Small")).await.name;
    let odd = "cd ~/build && mkfifo fifo && truncate -s 50G sparse && echo x > run.sh && chmod 755 run.sh";
    assert_eq!(sh(admin, &worker, odd).await.exit_code, 0);
    for (path, words) in [
        ("fifo", "fifo is no regular file."),
        ("sparse", "sparse is larger than 16 MiB."),
        ("none", "none in the build folder"),
    ] {
        let read = tokio::time::timeout(Duration::from_secs(30), admin.worker_file(&worker, path));
        let error = read.await.expect("an answer").unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    // A program stays one.
    admin.worker_put_file(&worker, "run.sh", "y".into()).await.unwrap();
    let done = sh(admin, &worker, "cd ~/build && stat -c %a run.sh && rm sparse").await;
    assert_eq!(done.stdout, "755\n");
}

#[tokio::test]
async fn an_image_without_a_shell_serves_its_files() {
    let console = Console::start().await;
    console.allow_all().await;
    let admin = &console.admin;
    let image = LocalImage::without_shell();
    let worker = console.worker(admin, &image.worker()).await.name;
    admin.worker_put_file(&worker, "x/y", "one".into()).await.unwrap();
    let whole = tar_of(&[("a", "two")]);
    assert_eq!(
        put_context(&console, &worker, "sub", &whole, whole.len()).await,
        Some(204)
    );
    assert_eq!(admin.worker_file(&worker, "x/y").await.unwrap(), "one");
    let listed = [("sub/a", 3), ("x/y", 3)];
    assert_eq!(
        files(&console, &worker).await,
        listed.map(|(path, size)| (path.to_owned(), size))
    );
}
