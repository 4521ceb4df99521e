//! A leaderboard of a million players: the rank of one, the page around them, the top ten, and what a good game changes.
//!
//! Every answer is compared with a sorted list in this program's own memory.

use std::time::{Duration, Instant};

use redis::{Commands, Connection, RedisResult};

const BOARD: &str = "example:leaderboard:scores";
const PLAYERS: usize = 1_000_000;
const MEMBERS_PER_ZADD: usize = 100;
const ZADDS_PER_PIPELINE: usize = 20;
const LOOKUPS: usize = 1_000;
/// Players above and below the one whose page is shown.
const AROUND: usize = 5;

type Line = (String, f64);

/// A rank is the place of a player in a line, counted from 0: the best score first, equal ones by name, backwards.
struct Model {
    lines: Vec<Line>,
    ranks: Vec<usize>,
}

fn name(player: usize) -> String {
    format!("player:{player:08}")
}

/// Scores without an order that a sorted set could profit from; ten players share each.
fn score(player: usize, players: usize) -> f64 {
    (player as u64 * 611_953 % players as u64 / 10) as f64
}

impl Model {
    fn new(players: usize) -> Self {
        let mut order: Vec<usize> = (0..players).collect();
        order.sort_unstable_by_key(|&player| std::cmp::Reverse((score(player, players) as u64, player)));
        let mut ranks = vec![0; players];
        for (rank, &player) in order.iter().enumerate() {
            ranks[player] = rank;
        }
        Self { lines: order.iter().map(|&player| (name(player), score(player, players))).collect(), ranks }
    }
}

fn load(connection: &mut Connection, players: usize) -> RedisResult<()> {
    let everybody: Vec<usize> = (0..players).collect();
    for part in everybody.chunks(MEMBERS_PER_ZADD * ZADDS_PER_PIPELINE) {
        let mut pipeline = redis::pipe();
        for group in part.chunks(MEMBERS_PER_ZADD) {
            let pairs: Vec<(f64, String)> =
                group.iter().map(|&player| (score(player, players), name(player))).collect();
            pipeline.zadd_multiple(BOARD, &pairs);
        }
        let added: Vec<usize> = pipeline.query(connection)?;
        assert_eq!(added.iter().sum::<usize>(), part.len());
    }
    Ok(())
}

/// The lines from one rank to another, both included.
fn page(connection: &mut Connection, first: usize, last: usize) -> RedisResult<Vec<Line>> {
    redis::cmd("ZRANGE").arg(BOARD).arg(first).arg(last).arg("REV").arg("WITHSCORES").query(connection)
}

/// The rank of a player and the lines around theirs.
fn around(connection: &mut Connection, player: &str) -> RedisResult<(usize, Vec<Line>)> {
    let rank: usize = connection.zrevrank(BOARD, player)?;
    Ok((rank, page(connection, rank.saturating_sub(AROUND), rank + AROUND)?))
}

/// Looks players of all ranks up; how long each took.
fn look_up(connection: &mut Connection, model: &Model) -> RedisResult<Vec<Duration>> {
    let players = model.lines.len();
    let mut took = Vec::new();
    let ends = (0..players).filter(|&player| model.ranks[player] == 0 || model.ranks[player] == players - 1);
    let spread = (0..LOOKUPS).map(|number| number * 7_919 % players);
    for player in ends.chain(spread) {
        let begin = Instant::now();
        let (rank, lines) = around(connection, &name(player))?;
        took.push(begin.elapsed());
        assert_eq!(rank, model.ranks[player], "the rank of {}", name(player));
        let expected = rank.saturating_sub(AROUND)..(rank + AROUND + 1).min(players);
        assert_eq!(lines, model.lines[expected], "the page around {}", name(player));
    }
    took.sort_unstable();
    Ok(took)
}

/// The last player overtakes everybody; a bad game does nobody harm; the worst tenth goes home.
fn play_on(connection: &mut Connection, model: &Model) -> RedisResult<()> {
    let players = model.lines.len();
    let (best, top_score) = model.lines[0].clone();
    let (last, last_score) = model.lines[players - 1].clone();
    let risen: f64 = connection.zincr(BOARD, &last, top_score + 0.5 - last_score)?;
    assert_eq!(risen, top_score + 0.5);
    let (rank, lines) = around(connection, &last)?;
    assert_eq!((rank, &lines[0], &lines[1]), (0, &(last.clone(), risen), &model.lines[0]));

    let changed: usize =
        redis::cmd("ZADD").arg(BOARD).arg("GT").arg("CH").arg(1).arg(&best).arg(2).arg(&last).query(connection)?;
    assert_eq!(changed, 0);
    let scores: (f64, Option<f64>) = redis::cmd("ZMSCORE").arg(BOARD).arg(&best).arg("nobody").query(connection)?;
    assert_eq!(scores, (top_score, None));

    let half = (players / 20) as f64;
    let above: usize = connection.zcount(BOARD, format!("({half}"), "+inf")?;
    let expected = model.lines[..players - 1].iter().filter(|line| line.1 > half).count() + 1;
    assert_eq!(above, expected);

    let tenth = players / 10;
    let removed: usize = connection.zremrangebyrank(BOARD, 0, tenth as isize - 1)?;
    assert_eq!(removed, tenth);
    assert_eq!(connection.zcard::<_, usize>(BOARD)?, players - tenth);
    let lowest: Vec<Line> = connection.zrange_withscores(BOARD, 0, 0)?;
    assert_eq!(lowest, model.lines[players - tenth - 2..players - tenth - 1]);
    Ok(())
}

fn run(connection: &mut Connection, players: usize) -> RedisResult<String> {
    let model = Model::new(players);
    let begin = Instant::now();
    load(connection, players)?;
    let loading = begin.elapsed();
    assert_eq!(connection.zcard::<_, usize>(BOARD)?, players);
    assert_eq!(page(connection, 0, 9)?, model.lines[..10], "the top ten");
    assert_eq!(connection.zrevrank::<_, _, Option<usize>>(BOARD, "nobody")?, None);
    let took = look_up(connection, &model)?;
    play_on(connection, &model)?;
    let (median, slowest) = (took[took.len() / 2], took[took.len() - 1]);
    Ok(format!(
        "{players} players loaded in {:.1} s; rank and page around a player in {:.2} ms at the median and {:.1} ms at most",
        loading.as_secs_f64(),
        median.as_secs_f64() * 1e3,
        slowest.as_secs_f64() * 1e3,
    ))
}

fn option(name: &str, otherwise: &str) -> String {
    let mut arguments = std::env::args().skip_while(|argument| argument != name).skip(1);
    arguments.next().unwrap_or_else(|| otherwise.to_owned())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let players: usize = option("--players", &PLAYERS.to_string()).parse()?;
    let address = format!("redis://{}:{}/", option("--host", "127.0.0.1"), option("--port", "6379"));
    let mut connection = redis::Client::open(address)?.get_connection()?;
    connection.unlink::<_, ()>(BOARD)?;
    let begin = Instant::now();
    // Caught, so that a mistake leaves no million of players behind.
    let shown = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(&mut connection, players)));
    connection.unlink::<_, ()>(BOARD)?;
    match shown {
        Ok(shown) => println!("leaderboard: {} ({:.1} s)", shown?, begin.elapsed().as_secs_f64()),
        Err(mistake) => std::panic::resume_unwind(mistake),
    }
    Ok(())
}
