//! What session commands reply, alone and beside a real Redis.

use resp::Protocol;

use crate::facts::{ClientFacts, Facts, ServerFacts, StorageFacts};
use crate::lone_host::{LoneClient, LoneHost};
use crate::reference::{Reference, value_of};
use crate::session::{ClientFilter, Effect, Host, ReplyMode, Shutdown};

/// Commands whose replies are the same bytes here and in Redis 7.0. A tilde stands for a blank.
const SAME_IN_REDIS: &str = "\
ping\nping a\nping a b\necho a\necho\nselect abc\nselect 99999999999\nselect 16\nselect -1\nselect 3\nselect 0\n\
hello 4\nhello x\nhello 2 foo\nhello 2 auth a\nhello 2 auth a b\nhello 2 setname a~b\nhello 3 foo setname x\n\
auth a\nauth a b\nauth default b\nauth a b c\nauth\n\
client\nclient foo\nclient setname a~b\nclient setname\nclient id x\nclient kill foo\nclient kill id 0\n\
client kill id x\nclient kill type foo\nclient kill id 1 id\nclient kill user foo\nclient kill skipme maybe\n\
client kill id 1 foo bar\nclient kill\nclient kill id 99999\nclient kill 127.0.0.1:1\nclient list foo\n\
client list type\nclient list type foo\nclient list id\nclient list id x\nclient list id 999\nclient list id -1\n\
client list type replica\nclient list type slave\nclient list type master\nclient list type pubsub\n\
client reply foo\nclient reply on\nclient reply\nclient no-evict foo\nclient no-evict on\nclient no-evict off\n\
client pause x\nclient pause -1\nclient pause 0 foo\nclient pause 0\nclient pause 0 write\n\
client pause 10 write x\nclient unpause\nclient unblock x\nclient unblock 1\n\
client unblock -1\nclient unblock 1 foo\nclient unblock 1 error\nclient unblock 1 error x\nclient tracking off\n\
client tracking off bcast\nclient tracking foo\nclient tracking on foo\nclient tracking on redirect 99999\n\
client tracking off redirect x\nclient trackinginfo\nclient getredir\nclient caching yes\nclient caching foo\n\
client caching yes no\nclient getname\nclient setname foo\nclient getname\nclient setname \nclient getname\n\
config\nconfig foo\nconfig get\nconfig set a\nconfig set maxmemory\nconfig set maxmemory 1 maxmemory\n\
config get nosuch\nconfig rewrite\nconfig resetstat\nconfig resetstat x\n\
command foo\ncommand info foo get|x\ncommand docs foo\ncommand list filterby\ncommand list filterby foo bar\n\
command list filterby aclcat foo\ncommand list filterby module foo\ncommand list foo\ncommand count x\n\
command list filterby aclcat string x\ncommand getkeys set a\ncommand getkeys set a b\ncommand getkeys mset a b c d\n\
command getkeys foo bar\ncommand getkeys ping bar\ncommand getkeysandflags get a\ncommand getkeys\n\
command info get\ncommand info client|id nosuch ping\ncommand info mset\ncommand info config|get\n\
info nosuch\ninfo modules\ninfo cluster\n\
memory\nmemory foo\nmemory malloc-stats x\nmemory purge\nmemory doctor x\n\
latency\nlatency foo\nlatency graph foo\nlatency history foo\nlatency latest\nlatency reset\nlatency reset foo bar\n\
latency histogram nosuch\nslowlog\nslowlog foo\nslowlog get -2\nslowlog get x\nslowlog get 0\nslowlog get 1 2\n\
slowlog len x\nslowlog reset\nacl\nacl foo\nacl whoami\nacl cat\nacl cat nosuch\nacl cat string x\n\
function\nfunction foo\nfunction list\nfunction list withcode\nfunction list libraryname x\nfunction list foo\n\
function list libraryname\nfunction stats\nscript\nscript foo\nscript exists\nscript exists abc def\nscript flush\n\
script flush sync\nscript flush foo\nscript flush sync foo\nmodule\nmodule foo\nmodule list\nmodule list x\nrole\n\
slaveof no one\nreplicaof NO ONE\nreplicaof no two\nreplicaof a 70000\nreplicaof a\nshutdown foo\n\
shutdown save nosave\nshutdown abort\nshutdown abort now\ntime x\nlastsave x\nsave x\nbgrewriteaof x\nreset x\n\
debug\ndebug foo\ndebug sleep\ndebug sleep 0\ndebug sleep abc\ndebug protocol\ndebug protocol foo\n\
debug protocol string\ndebug protocol integer\ndebug protocol double\ndebug protocol null\ndebug protocol array\n\
debug protocol set\ndebug protocol map\ndebug protocol verbatim\ndebug protocol true\ndebug protocol false\n\
debug protocol bignum\ndebug error a~b\ndebug error\ndebug set-active-expire 1\ndebug quicklist-packed-threshold 10\n\
debug quicklist-packed-threshold foo\ndebug quicklist-packed-threshold 5gb\ndebug quicklist-packed-threshold 2kb\n\
debug replybuffer resizing 1\ndebug replybuffer foo\ndebug replybuffer foo 1\ndebug replybuffer resizing\n\
debug replybuffer peak-reset-time never\ndebug replybuffer peak-reset-time x\ndebug set-disable-deny-scripts 0\n\
debug change-repl-id\ndebug log foo\ndebug reload foo\ndebug reload\ndebug reload nosave noflush merge\n\
debug replicate foo\ndebug pause-cron 0\ndebug set-skip-checksum-validation 0\ndebug help x\ndebug reload x y\n\
reset";

fn debugger() -> LoneClient {
    let host = LoneHost::default();
    host.options.borrow_mut().insert("enable-debug-command".into(), "yes".into());
    LoneClient::of(host)
}

#[test]
fn replies_agree_with_a_reference_server() {
    for protocol in [Protocol::Resp2, Protocol::Resp3] {
        let (Some(mut reference), mut client) = (Reference::connect(), debugger()) else { return };
        if protocol == Protocol::Resp3 {
            reference.ask(&["hello", "3"]);
            client.session.protocol = protocol;
        }
        let mut wrong = Vec::new();
        for line in SAME_IN_REDIS.lines() {
            let words: Vec<String> = line.split(' ').map(|word| word.replace('~', " ")).collect();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let Some(ours) = client.ask(&words) else { continue };
            let theirs = reference.ask(&words);
            if ours != theirs {
                let (ours, theirs) = (ours.escape_ascii(), theirs.escape_ascii());
                wrong.push(format!("{protocol:?} {line}:\n    {ours}\nnot {theirs}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

/// Names of the fields, sections included, of a reply of `INFO`.
fn field_names(info: &[u8]) -> Vec<String> {
    let text = match value_of(info) {
        resp::Value::Bulk(Some(text)) => text,
        other => panic!("not a text: {other:?}"),
    };
    let text = String::from_utf8(text).expect("text");
    text.lines().filter_map(|line| line.split(':').next()).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[test]
fn info_has_every_field_of_a_reference_server_in_its_order() {
    let Some(mut reference) = Reference::connect() else { return };
    let mut client = LoneClient::new();
    let sections = ["server", "clients", "memory", "persistence", "stats", "replication", "cpu", "modules", "cluster"];
    for section in sections.into_iter().chain(["errorstats", "default", "everything"]) {
        let counted = |name: &String| !name.contains("stat_") && !name.contains("_usec_") && !name.starts_with("db");
        let words = ["info", section];
        let theirs: Vec<_> = field_names(&reference.ask(&words)).into_iter().filter(counted).collect();
        let ours = field_names(&client.ask(&words).expect("a session command"));
        let mut rest = ours.iter();
        for name in &theirs {
            assert!(rest.any(|own| own == name), "{section}: {name} is missing or out of place in {ours:?}");
        }
    }
}

#[test]
fn client_list_has_every_field_of_a_reference_server_in_its_order() {
    let Some(mut reference) = Reference::connect() else { return };
    let names = |line: &str| -> Vec<String> {
        let fields = line.split_ascii_whitespace().filter(|field| field.contains('='));
        fields.filter_map(|field| field.split('=').next()).map(str::to_owned).collect()
    };
    let theirs = String::from_utf8(reference.ask(&["client", "info"])).expect("text");
    let ours = LoneClient::new().say("client info");
    let new_in_7_2 = ["lib-name", "lib-ver"].map(str::to_owned);
    let mut expected = names(&theirs);
    expected.extend(new_in_7_2.into_iter().filter(|name| !theirs.contains(name)));
    assert_eq!(names(&ours), expected);
}

#[test]
fn hello_answers_in_the_protocol_that_it_chooses() {
    let mut client = LoneClient::new();
    let reply = client.say("hello 3 setname me");
    assert!(
        reply.starts_with("%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.2.4\r\n$5\r\nproto\r\n:3\r\n")
    );
    assert_eq!((client.session.protocol, client.session.name.as_slice()), (Protocol::Resp3, b"me".as_slice()));
    assert!(client.say("hello").starts_with("%7\r\n"));
    assert!(client.say("hello 2").starts_with("*14\r\n"));
}

#[test]
fn hello_changes_nothing_if_it_is_refused() {
    let mut client = LoneClient::of(LoneHost { password: Some("right"), ..LoneHost::default() });
    assert!(client.say("hello 3").starts_with("-NOAUTH HELLO must be called with the client already authenticated"));
    assert!(client.say("hello 3 auth default wrong setname me").starts_with("-WRONGPASS"));
    assert!(client.say("hello 3 auth default right foo").starts_with("-ERR Syntax error in HELLO option 'foo'"));
    assert!(!client.session.authenticated && client.session.name.is_empty());
    assert_eq!(client.session.protocol, Protocol::Resp2);
    assert!(client.say("hello 3 auth default right setname me").starts_with("%7\r\n"));
    assert!(client.session.authenticated);
}

#[test]
fn auth_with_one_argument_means_the_default_user() {
    let mut client = LoneClient::of(LoneHost { password: Some("right"), ..LoneHost::default() });
    assert!(client.say("auth wrong").starts_with("-WRONGPASS"));
    assert!(!client.session.authenticated);
    assert_eq!(client.say("auth right"), "+OK\r\n");
    assert!(client.session.authenticated);
    assert_eq!(client.say("reset"), "+RESET\r\n");
    assert!(!client.session.authenticated, "a reset client has to authenticate again");
}

#[test]
fn client_reply_changes_the_mode_and_only_on_is_answered() {
    let mut client = LoneClient::new();
    assert_eq!((client.say("client reply skip").as_str(), client.session.reply_mode), ("", ReplyMode::SkipNext));
    assert_eq!((client.say("client reply off").as_str(), client.session.reply_mode), ("", ReplyMode::Off));
    assert_eq!((client.say("client reply skip").as_str(), client.session.reply_mode), ("", ReplyMode::Off));
    assert_eq!((client.say("client reply on").as_str(), client.session.reply_mode), ("+OK\r\n", ReplyMode::On));
}

#[test]
fn client_setinfo_takes_a_name_and_a_version_without_blanks() {
    let mut client = LoneClient::new();
    assert_eq!(client.say("client setinfo LIB-NAME jedis"), "+OK\r\n");
    assert_eq!(client.say("client setinfo lib-ver 1.2"), "+OK\r\n");
    assert_eq!(client.say("client setinfo foo bar"), "-ERR Unrecognized option 'foo'\r\n");
    let refused = client.ask(&["client", "setinfo", "lib-ver", "1 2"]).expect("a session command");
    assert_eq!(refused, b"-ERR lib-ver cannot contain spaces, newlines or special characters.\r\n");
    assert!(client.say("client info").ends_with(" resp=2 lib-name=jedis lib-ver=1.2\n\r\n"));
}

#[test]
fn a_client_that_kills_itself_gets_its_reply_first() {
    let mut client = LoneClient::new();
    assert_eq!((client.say("client kill id 7").as_str(), &client.effect), (":0\r\n", &Effect::None));
    assert_eq!((client.say("client kill id 7 skipme no").as_str(), &client.effect), (":1\r\n", &Effect::Close));
    assert_eq!((client.say("client kill 127.0.0.1:40000").as_str(), &client.effect), ("+OK\r\n", &Effect::Close));
    assert_eq!(client.say("client kill maxage 1"), ":0\r\n");
    assert!(client.say("client kill maxage 0").starts_with("-ERR"));
}

#[test]
fn client_tracking_cannot_be_turned_on() {
    let mut client = LoneClient::new();
    assert!(client.say("client tracking on bcast prefix a").starts_with("-ERR CLIENT TRACKING is not available"));
}

#[test]
fn filters_match_only_if_all_of_them_do() {
    let client = ClientFacts { id: 3, user: "default".to_owned(), age_seconds: 9, ..ClientFacts::default() };
    let subscriber = ClientFacts { subscriptions: [0, 1, 0], ..client.clone() };
    let of = |kind, age| ClientFilter { kind: Some(kind), max_age_seconds: Some(age), ..ClientFilter::default() };
    assert!(of("normal", 9).matches(&client) && of("pubsub", 0).matches(&subscriber));
    assert!(!of("normal", 10).matches(&client) && !of("normal", 0).matches(&subscriber));
}

#[test]
fn info_tells_the_sections_that_are_asked_for_in_a_fixed_order() {
    let storage = StorageFacts { databases: vec![(0, 0), (3, 1)], ..StorageFacts::default() };
    let server = ServerFacts { version: "0.1.0".to_owned(), ..ServerFacts::default() };
    let mut client =
        LoneClient::of(LoneHost { facts: Facts { storage, server, ..Facts::default() }, ..LoneHost::default() });
    let reply = client.say("info KEYSPACE cluster cluster nosuch");
    assert_eq!(
        value_of(reply.as_bytes()),
        resp::Value::Bulk(Some(
            b"# Cluster\r\ncluster_enabled:0\r\n\r\n# Keyspace\r\ndb1:keys=3,expires=1,avg_ttl=0\r\n".to_vec()
        ))
    );
    let all = client.say("info server");
    let lines = ["# Server\r\nredis_version:7.2.4\r\nserver_name:catamaran\r\ncatamaran_version:0.1.0\r\n"];
    assert!(lines.iter().all(|line| all.contains(line)), "{all}");
    assert!(!client.say("info").contains("# Commandstats") && client.say("info all").contains("# Commandstats"));
}

#[test]
fn shutdown_is_an_effect_with_its_options() {
    let mut client = LoneClient::new();
    assert_eq!(client.say("shutdown nosave now force"), "");
    let how = Shutdown { now: true, no_save: true, force: true, save: false };
    assert_eq!(client.effect, Effect::Shutdown(how));
}

#[test]
fn debug_is_refused_unless_the_options_allow_it() {
    let mut client = LoneClient::new();
    let set = |client: &LoneClient, value: &str| {
        client.host.config_set(&[(b"enable-debug-command", value.as_bytes())]).expect("options can be set");
    };
    assert!(client.say("debug sleep 0").starts_with("-ERR DEBUG command not allowed. If the"));
    set(&client, "no");
    assert!(client.say("debug sleep 0").starts_with("-ERR DEBUG command not allowed. If the"));
    set(&client, "local");
    assert_eq!(client.say("debug sleep 0.5"), "+OK\r\n");
    assert_eq!(client.effect, Effect::Sleep(std::time::Duration::from_millis(500)));
    assert_eq!(client.say("debug sleep -1"), "+OK\r\n");
    assert_eq!(client.effect, Effect::Sleep(std::time::Duration::ZERO));
    assert_eq!(client.say("debug set-active-expire 0"), "+OK\r\n");
    assert_eq!(client.host.done.borrow().as_slice(), ["active expire: false"]);
}

#[test]
fn every_container_explains_its_subcommands() {
    let mut client = debugger();
    for command in crate::table::all().iter().filter(|command| command.name.ends_with("|help")) {
        let (container, _) = command.name.split_once('|').expect("a subcommand");
        let reply = client.say(&format!("{container} help"));
        let title = format!("+{} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:", container.to_uppercase());
        assert!(reply.contains(&title), "{container}: {reply}");
        assert!(reply.ends_with("+HELP\r\n+    Print this help.\r\n"), "{container}: {reply}");
        let container = crate::table::find(container).expect("a container");
        for subcommand in crate::table::subcommands(container) {
            let line = format!("\r\n+{}", subcommand.last_name().to_uppercase());
            assert!(reply.contains(&line), "{} is not explained", subcommand.name);
        }
    }
}

#[test]
fn command_docs_has_as_many_fields_as_it_announces() {
    let mut client = LoneClient::new();
    for protocol in [Protocol::Resp2, Protocol::Resp3] {
        client.session.protocol = protocol;
        for words in [vec!["command", "docs"], vec!["command"], vec!["command", "list"]] {
            let reply = client.ask(&words).expect("a session command");
            let (_, len) = resp::decode(&reply).expect("a reply").expect("a whole reply");
            assert_eq!(len, reply.len(), "{words:?}");
        }
    }
}
