//! Killing the console in the middle of a build.

use prt_types::{
    build_events::{BuildEvent, BuildRecord},
    builds::BuildStatus,
};

use crate::helpers::{Console, base_image, builder_worker, eventually};

fn lines(records: &[BuildRecord]) -> Vec<String> {
    records
        .iter()
        .filter_map(|record| match &record.event {
            BuildEvent::Log(line) => Some(line.text.clone()),
            _ => None,
        })
        .collect()
}

#[tokio::test]
async fn a_build_outlives_the_console_and_its_log_is_whole() {
    let mut console = Console::start().await;
    let admin = console.admin.clone();
    let worker = console.worker(&admin, &builder_worker("Medium")).await;
    // Prints through the crash and after it.
    let loop_text = "for i in $(seq 1 400); do echo counting $i; sleep 0.02; done";
    let dockerfile = format!("FROM {}\nRUN {loop_text}\n", base_image());
    console.dockerfile(&admin, &worker.name, &dockerfile).await;
    let build = admin
        .build_create(&console.build_request(&worker.name, "crash", "1"))
        .await
        .unwrap();
    let reached = |count: usize| {
        let admin = admin.clone();
        async move { (lines(&admin.build_records(build.number, 0, None).await.ok()?).len() >= count).then_some(()) }
    };
    eventually("some lines are there", || reached(50)).await;
    console.kill();
    console.run().await;
    eventually("the log goes on", || reached(120)).await;
    console.kill();
    console.run().await;
    let build = console.build_end(&admin, build.number).await;
    assert_eq!(build.status, BuildStatus::Succeeded, "{}", build.message);
    assert!(build.digest.is_some());
    let records = admin.build_records(build.number, 0, None).await.unwrap();
    let numbers: Vec<u64> = records.iter().map(|record| record.seq).collect();
    assert_eq!(numbers, (1..=records.len() as u64).collect::<Vec<_>>());
    let counted: Vec<String> = lines(&records)
        .into_iter()
        .filter(|line| line.starts_with("counting"))
        .collect();
    assert_eq!(counted, (1..=400).map(|i| format!("counting {i}")).collect::<Vec<_>>());
    assert_eq!(
        records
            .iter()
            .filter(|record| matches!(record.event, BuildEvent::End(_)))
            .count(),
        1
    );
    assert!(matches!(records.last().unwrap().event, BuildEvent::End(_)));
}

#[tokio::test]
async fn a_build_that_ended_while_the_console_was_down() {
    let mut console = Console::start().await;
    let admin = console.admin.clone();
    let worker = console.worker(&admin, &builder_worker("Small")).await;
    let dockerfile = format!("FROM {}\nRUN sleep 2; echo woke up\n", base_image());
    console.dockerfile(&admin, &worker.name, &dockerfile).await;
    let mut request = console.build_request(&worker.name, "x", "1");
    request.push_image = false;
    let build = admin.build_create(&request).await.unwrap();
    eventually("the step runs", || async {
        let records = admin.build_records(build.number, 0, None).await.unwrap();
        records
            .iter()
            .any(|record| matches!(&record.event, BuildEvent::Step(step) if step.name.contains("woke")))
            .then_some(())
    })
    .await;
    console.kill();
    let spool = format!("/tmp/prt-builds/{}/exit", build.id);
    let builder = format!("prt-{}-builder", worker.instance_id);
    eventually("the build ends without the console", || async {
        let asked = std::process::Command::new("docker")
            .args(["exec", &builder, "test", "-e", &spool])
            .status()
            .unwrap();
        asked.success().then_some(())
    })
    .await;
    console.run().await;
    let build = console.build_end(&admin, build.number).await;
    assert_eq!(build.status, BuildStatus::Succeeded, "{}", build.message);
    let records = admin.build_records(build.number, 0, None).await.unwrap();
    assert!(lines(&records).contains(&"woke up".to_owned()));
}
