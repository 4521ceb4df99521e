//! The crossing in integers: limits, deadlines, order, its end.

use std::time::Duration;

use super::*;
use crate::client::{Size, StorageClient};
use crate::mailbox::{Answer, Mailbox};
use crate::request::{ReplySlot, StorageResponse, answer_all};

const ALL: TakeLimits = TakeLimits { commands: 100, short_commands: 100, bytes: 1 << 20, workers: 1 };

fn channel(requests: usize, bytes: usize) -> MessageChannel<u32, u32> {
    MessageChannel::new(ChannelLimits { requests, bytes }, 1, Arc::default())
}

fn request(mailbox: &Arc<Mailbox<u32>>, number: u32, size_bytes: usize, timeout: Duration) -> StorageRequest<u32, u32> {
    let submitted = Instant::now();
    let reply = ReplySlot::new(mailbox.clone(), u64::from(number), u64::from(number));
    StorageRequest {
        id: u64::from(number),
        payload: number,
        size_bytes,
        commands: number as usize,
        submitted,
        deadline: submitted + timeout,
        attempts: 0,
        stalled: false,
        place: None,
        reply,
    }
}

async fn answers(mailbox: &Mailbox<u32>) -> Vec<(u64, StorageResponse<u32>)> {
    let mut found = Vec::new();
    mailbox.collect(&mut found).await;
    found.into_iter().map(|answer| (answer.token, answer.response)).collect()
}

const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn what_does_not_fit_stays_with_its_sender_and_goes_when_there_is_room() {
    let (channel, mailbox) = (channel(2, 1000), Arc::new(Mailbox::default()));
    let mut outbox: VecDeque<_> = (0..3).map(|n| request(&mailbox, n, 10, LONG)).collect();
    channel.send(&mut outbox);
    assert_eq!((outbox.len(), channel.depth()), (1, (2, 20)));
    let published = &channel.metrics().channel;
    let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    assert_eq!((load(&published.depth_requests), load(&published.depth_bytes)), (2, 20));
    assert!(load(&published.oldest_ns) > 0);
    let mut taken = Vec::new();
    channel.take(&ALL, |_| false, &mut taken).await.expect("open");
    assert_eq!((load(&published.depth_requests), load(&published.oldest_ns)), (0, 0));
    assert_eq!(published.wait.snapshot().count, 2);
    channel.room().await;
    channel.send(&mut outbox);
    assert_eq!((outbox.len(), channel.depth()), (0, (1, 10)));
}

#[test]
fn bytes_are_limited_too_but_nothing_is_too_large_for_an_empty_channel() {
    let (channel, mailbox) = (channel(10, 100), Arc::new(Mailbox::default()));
    let mut outbox: VecDeque<_> = [500, 10].map(|size| request(&mailbox, 1, size, LONG)).into();
    channel.send(&mut outbox);
    assert_eq!((outbox.len(), channel.depth()), (1, (1, 500)));
}

#[tokio::test]
async fn a_late_request_is_refused_before_it_runs_unless_it_has_begun() {
    let (channel, mailbox) = (channel(10, 1000), Arc::new(Mailbox::default()));
    let mut outbox: VecDeque<_> = (0..3).map(|n| request(&mailbox, n, 1, Duration::ZERO)).collect();
    outbox.push_back(request(&mailbox, 3, 1, LONG));
    channel.send(&mut outbox);
    tokio::time::sleep(Duration::from_millis(2)).await;
    let mut taken = Vec::new();
    channel.take(&ALL, |&number| number == 2, &mut taken).await.expect("open");
    assert_eq!(taken.iter().map(|request| request.payload).collect::<Vec<_>>(), [2, 3]);
    let refused = answers(&mailbox).await;
    assert!(refused.iter().all(|(_, response)| matches!(response, Err(Refused::Late { .. }))));
    assert_eq!(refused.iter().map(|(token, _)| *token).collect::<Vec<_>>(), [0, 1]);
}

#[tokio::test]
async fn a_request_that_is_dropped_is_answered_as_lost() {
    let mailbox = Arc::new(Mailbox::default());
    drop(request(&mailbox, 7, 1, LONG));
    assert_eq!(answers(&mailbox).await, [(7, Err(Refused::Lost))]);
}

#[tokio::test]
async fn a_closed_channel_is_emptied_and_takes_nothing_more() {
    let (channel, mailbox) = (channel(10, 1000), Arc::new(Mailbox::default()));
    channel.send(&mut VecDeque::from([request(&mailbox, 1, 1, LONG)]));
    channel.close();
    channel.send(&mut VecDeque::from([request(&mailbox, 2, 1, LONG)]));
    assert_eq!(answers(&mailbox).await, [(2, Err(Refused::Down))]);
    let mut taken = Vec::new();
    channel.take(&ALL, |_| false, &mut taken).await.expect("one was waiting");
    assert_eq!(taken.len(), 1);
    taken.clear();
    assert_eq!(channel.take(&ALL, |_| false, &mut taken).await, Err(Closed));
}

#[tokio::test]
async fn a_deferred_request_comes_back_at_its_time_and_counts_meanwhile() {
    let (channel, mailbox) = (channel(1, 1000), Arc::new(Mailbox::default()));
    channel.defer(request(&mailbox, 1, 10, LONG), Instant::now() + Duration::from_millis(20));
    assert_eq!(channel.depth(), (1, 10));
    let mut outbox = VecDeque::from([request(&mailbox, 2, 10, LONG)]);
    channel.send(&mut outbox);
    assert_eq!(outbox.len(), 1, "the channel is full");
    let mut taken = Vec::new();
    channel.take(&ALL, |_| false, &mut taken).await.expect("open");
    assert_eq!(taken.iter().map(|request| request.payload).collect::<Vec<_>>(), [1]);
    channel.room().await;
    channel.send(&mut outbox);
    assert!(outbox.is_empty());
}

#[tokio::test]
async fn what_is_put_off_is_taken_in_the_order_of_its_time_and_at_once_when_hastened() {
    let (channel, mailbox) = (channel(10, 1000), Arc::new(Mailbox::default()));
    let now = Instant::now();
    for (number, after) in [(1, 60), (2, 20), (3, 40)] {
        channel.defer(request(&mailbox, number, 10, LONG), now + Duration::from_secs(after));
    }
    let mut taken = Vec::new();
    assert!(channel.take_late(Instant::now()).is_empty());
    channel.hasten(|&number| number != 2);
    channel.take(&ALL, |_| false, &mut taken).await.expect("open");
    // The one that was handed over first comes first.
    assert_eq!(taken.iter().map(|request| request.payload).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(channel.depth(), (1, 10));
    channel.hasten(|_| true);
    taken.clear();
    channel.take(&ALL, |_| false, &mut taken).await.expect("open");
    assert_eq!((taken[0].payload, channel.depth()), (2, (0, 0)));
    for (number, after) in [(4, 3), (5, 1), (6, 2)] {
        channel.defer(request(&mailbox, number, 10, LONG), now - Duration::from_secs(after));
    }
    taken.clear();
    channel.take(&ALL, |_| false, &mut taken).await.expect("open");
    assert_eq!(taken.iter().map(|request| request.payload).collect::<Vec<_>>(), [4, 6, 5]);
}

#[test]
fn what_is_put_off_leaves_room_for_others() {
    let (by_count, mailbox) = (channel(4, 1000), Arc::new(Mailbox::default()));
    for number in 0..2 {
        let request = request(&mailbox, number, 10, LONG);
        assert!(by_count.may_defer(&request));
        by_count.defer(request, Instant::now() + LONG);
    }
    assert!(!by_count.may_defer(&request(&mailbox, 2, 10, LONG)));
    let by_bytes = channel(100, 1000);
    by_bytes.defer(request(&mailbox, 0, 400, LONG), Instant::now() + LONG);
    assert!(!by_bytes.may_defer(&request(&mailbox, 1, 200, LONG)));
    by_bytes.hasten(|_| true);
    assert!(by_bytes.may_defer(&request(&mailbox, 1, 200, LONG)));
}

#[tokio::test]
async fn a_refusal_says_if_the_request_was_put_off_by_a_stall() {
    let (channel, mailbox) = (channel(10, 1000), Arc::new(Mailbox::default()));
    let mut stalled = request(&mailbox, 1, 10, Duration::ZERO);
    stalled.stalled = true;
    channel.defer(stalled, Instant::now() + LONG);
    channel.take_late(Instant::now()).into_iter().for_each(|request| request.refuse_late(Instant::now()));
    assert!(matches!(answers(&mailbox).await[..], [(1, Err(Refused::Stalled { .. }))]));
}

#[tokio::test]
async fn a_deferred_request_is_refused_at_its_deadline() {
    let (channel, mailbox) = (channel(8, 1000), Arc::new(Mailbox::default()));
    channel.defer(request(&mailbox, 1, 10, Duration::from_millis(20)), Instant::now() + LONG);
    channel.close();
    let mut taken = Vec::new();
    assert_eq!(channel.take(&ALL, |_| false, &mut taken).await, Err(Closed));
    assert!(matches!(answers(&mailbox).await[..], [(1, Err(Refused::Late { .. }))]));
}

#[tokio::test]
async fn late_requests_are_found_without_a_worker() {
    let (channel, mailbox) = (channel(3, 1000), Arc::new(Mailbox::default()));
    let times = [LONG, Duration::ZERO, LONG];
    let mut outbox: VecDeque<_> = (0..3).map(|n| request(&mailbox, n, 10, times[n as usize])).collect();
    channel.send(&mut outbox);
    channel.defer(request(&mailbox, 3, 10, Duration::ZERO), Instant::now() + LONG);
    let late = channel.take_late(Instant::now());
    assert_eq!(late.iter().map(|request| request.payload).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(channel.depth(), (2, 20));
}

#[tokio::test]
async fn an_open_circuit_refuses_at_once() {
    let channel = Arc::new(channel(8, 1000));
    let client = StorageClient::new(channel.clone());
    channel.circuit().open();
    client.submit(5, 1, Size { bytes: 1, commands: 1 }, Instant::now() + LONG);
    let mut found = Vec::new();
    client.answers(&mut found).await;
    assert!(matches!(found[..], [Answer { token: 5, response: Err(Refused::Open), .. }]));
    assert_eq!(channel.depth(), (0, 0));
}

#[tokio::test]
async fn each_thread_gets_its_own_answers_in_one_piece() {
    let mailboxes = [Arc::new(Mailbox::default()), Arc::new(Mailbox::default())];
    let mut ready: Vec<_> =
        (0..6).map(|n| (ReplySlot::new(mailboxes[n as usize % 2].clone(), u64::from(n), 0), Ok(n))).collect();
    answer_all(&mut ready);
    assert_eq!(answers(&mailboxes[0]).await, [(0, Ok(0)), (2, Ok(2)), (4, Ok(4))]);
    assert_eq!(answers(&mailboxes[1]).await, [(1, Ok(1)), (3, Ok(3)), (5, Ok(5))]);
}

#[tokio::test]
async fn a_worker_takes_requests_until_they_hold_enough_commands() {
    let (channel, mailbox) = (channel(10, 1000), Arc::new(Mailbox::default()));
    channel.send(&mut (0..6).map(|n| request(&mailbox, n, 1, LONG)).collect());
    let limits = TakeLimits { short_commands: 5, ..ALL };
    let mut taken = Vec::new();
    // Of 0, 1, 2, 3, 4 and 5 commands.
    let passed_on = channel.take(&limits, |_| false, &mut taken).await.expect("open");
    assert!(passed_on, "some are left");
    assert_eq!(taken.drain(..).map(|request| request.payload).collect::<Vec<_>>(), [0, 1, 2, 3]);
    let passed_on = channel.take(&limits, |_| false, &mut taken).await.expect("open");
    assert!(!passed_on, "none is left");
    assert_eq!(taken.iter().map(|request| request.payload).collect::<Vec<_>>(), [4, 5]);
}

#[tokio::test]
async fn short_requests_do_not_wait_behind_long_ones_and_both_go_on() {
    let (channel, mailbox) = (channel(100, 1000), Arc::new(Mailbox::default()));
    // They hold as many commands as their numbers say.
    channel.send(&mut [50, 51, 52, 1, 2].map(|n| request(&mailbox, n, 1, LONG)).into());
    let limits = TakeLimits { commands: 60, short_commands: 4, ..ALL };
    let mut taken = Vec::new();
    let mut turns = Vec::new();
    for _ in 0..3 {
        channel.take(&limits, |_| false, &mut taken).await.expect("open");
        turns.push(taken.drain(..).map(|request| request.payload).collect::<Vec<_>>());
        channel.send(&mut [request(&mailbox, 3, 1, LONG)].into());
    }
    // Each lane within its own limit, which the last request may exceed.
    assert_eq!(turns, [vec![1, 2], vec![50, 51], vec![3, 3]]);
    assert_eq!(channel.depth(), (2, 2));
}

#[tokio::test]
async fn every_request_crosses_once_whatever_the_interleaving() {
    let (channel, mailbox) = (Arc::new(channel(8, 1000)), Arc::new(Mailbox::default()));
    let workers: Vec<_> = (0..3)
        .map(|_| {
            let channel = channel.clone();
            tokio::spawn(async move {
                let mut taken = Vec::new();
                while channel.take(&TakeLimits { workers: 3, ..ALL }, |_| false, &mut taken).await.is_ok() {
                    for request in taken.drain(..) {
                        let number = request.payload;
                        request.reply.answer(Ok(number));
                    }
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    let mut outbox: VecDeque<_> = (0..1000).map(|n| request(&mailbox, n, 1, LONG)).collect();
    while !outbox.is_empty() {
        channel.send(&mut outbox);
        if !outbox.is_empty() {
            channel.room().await;
        }
    }
    let mut seen = Vec::new();
    while seen.len() < 1000 {
        seen.extend(answers(&mailbox).await);
    }
    seen.sort_unstable_by_key(|(token, _)| *token);
    assert!(seen.iter().enumerate().all(|(n, answer)| *answer == (n as u64, Ok(n as u32))));
    channel.close();
    for worker in workers {
        worker.await.expect("no worker panics");
    }
}
