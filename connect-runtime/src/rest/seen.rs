//! What runs where: here, and at the peers, which are asked for it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::status::{live_connector, live_task};
use crate::herd::assignment::Item;
use crate::herd::{Herd, LiveConnector, Standing};
use crate::peers::{Caller, Outgoing, percent_encoded};

/// How long a peer may take to say what it runs. After that the status topic has the word.
const ASK_LIMIT: Duration = Duration::from_secs(1);

/// A part of a status, as users see it.
pub type Shown = Map<String, Json>;

/// What of a connector one or several workers run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// The connector itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connector: Option<Shown>,
    /// Tasks, by number.
    #[serde(default)]
    pub tasks: BTreeMap<u32, Shown>,
}

/// What is run of connectors, by name. On the way from worker to worker this is the body of a reply.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seen(BTreeMap<String, Part>);

impl Seen {
    /// What runs here, of one connector or of all.
    pub fn here(herd: &Herd, name: Option<&str>) -> Seen {
        let live = &herd.parts().live;
        let all = match name {
            Some(name) => live.get(name).map(|live| (name.to_owned(), live)).into_iter().collect(),
            None => live.all(),
        };
        Seen(all.into_iter().map(|(name, live)| (name, part(&live, &herd.parts().worker_id))).collect())
    }

    /// What runs in the whole herd, of one connector or of all. Of each piece only what its owner says counts, so that
    /// all workers tell the same also while something is handed over.
    pub async fn everywhere(herd: &Herd, name: Option<&str>) -> Seen {
        let here = Seen::here(herd, name);
        let Some(standing) = herd.parts().place.now() else { return here };
        let asked: BTreeSet<usize> =
            owners(&standing, herd, name).into_iter().filter(|peer| *peer != standing.me).collect();
        let path = match name {
            Some(name) => format!("/internal/connectors/{}/live", percent_encoded(name)),
            None => "/internal/live".to_owned(),
        };
        let (caller, path) = (&herd.parts().caller, &path);
        let asked = asked.into_iter().filter_map(|peer| Some((peer, standing.members.get(peer)?.peer_url.clone())));
        let said = join_all(asked.map(|(peer, url)| async move { (peer, ask(caller, &url, path).await) })).await;
        let mut all = Seen::default();
        all.take_in(&standing, standing.me, here);
        for (peer, seen) in said {
            all.take_in(&standing, peer, seen);
        }
        all
    }

    /// What is known of a connector.
    pub fn of(&self, name: &str) -> Option<&Part> {
        self.0.get(name)
    }

    /// Takes from what a member says that which it owns.
    fn take_in(&mut self, standing: &Standing, member: usize, said: Seen) {
        let owns = |item: &Item| standing.ownership.owner(item) == Some(member);
        for (name, part) in said.0 {
            let connector = part.connector.filter(|_| owns(&Item::Connector(name.clone())));
            let tasks = part.tasks.into_iter().filter(|(task, _)| owns(&Item::Task(name.clone(), *task)));
            let tasks: BTreeMap<u32, Shown> = tasks.collect();
            let known = self.0.entry(name).or_default();
            known.connector = known.connector.take().or(connector);
            known.tasks.extend(tasks);
        }
    }
}

/// Who runs something of a connector, or of any.
fn owners(standing: &Standing, herd: &Herd, name: Option<&str>) -> BTreeSet<usize> {
    let Some(name) = name else {
        return (0..standing.members.len())
            .filter(|peer| standing.ownership.items_of(*peer).next().is_some())
            .collect();
    };
    let tasks = herd.parts().configs.get(name).map_or(0, |entry| entry.tasks.len() as u32);
    let tasks = (0..tasks).map(|task| Item::Task(name.to_owned(), task));
    let items = std::iter::once(Item::Connector(name.to_owned())).chain(tasks);
    items.filter_map(|item| standing.ownership.owner(&item)).collect()
}

/// Nothing if the peer does not say.
async fn ask(caller: &Caller, url: &str, path: &str) -> Seen {
    match caller.call(url, &Outgoing::get(path.to_owned(), ASK_LIMIT)).await {
        Ok(reply) if reply.is_success() => serde_json::from_slice(&reply.body).unwrap_or_default(),
        Ok(reply) => {
            tracing::debug!(url, status = %reply.status, "a worker does not say what it runs");
            Seen::default()
        }
        Err(why) => {
            tracing::debug!(url, ?why, "a worker does not say what it runs");
            Seen::default()
        }
    }
}

fn part(live: &LiveConnector, worker_id: &str) -> Part {
    let task = |(number, task): (&u32, _)| (*number, live_task(task, worker_id, live.version.clone()));
    Part { connector: live.here.then(|| live_connector(live, worker_id)), tasks: live.tasks.iter().map(task).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::herd::Peer;
    use crate::herd::assignment::Ownership;
    use serde_json::json;

    fn said(text: &str) -> Seen {
        let shown = json!({ "state": text }).as_object().unwrap().clone();
        let part = Part { connector: Some(shown.clone()), tasks: [(0, shown.clone()), (1, shown)].into() };
        Seen([("a".to_owned(), part)].into())
    }

    #[test]
    fn of_each_piece_its_owner_has_the_word() {
        let peer = |id: &str| Peer { worker_id: id.into(), peer_url: format!("http://{id}"), seal_id: String::new() };
        let mut standing = Standing::alone(peer("one"));
        standing.members.push(peer("two"));
        standing.ownership = Ownership::of(2);
        standing.ownership.give(Item::Connector("a".into()), 1, 1.0);
        standing.ownership.give(Item::Task("a".into(), 0), 0, 1.0);
        let mut orders = [(0, "one"), (1, "two")];
        for _ in 0..2 {
            let mut all = Seen::default();
            for (member, text) in orders {
                all.take_in(&standing, member, said(text));
            }
            let part = all.of("a").unwrap();
            assert_eq!(part.connector.as_ref().unwrap()["state"], "two");
            assert_eq!(part.tasks[&0]["state"], "one");
            assert!(!part.tasks.contains_key(&1), "nobody runs it by right");
            orders.reverse();
        }
    }

    #[test]
    fn it_comes_over_the_wire_as_it_was() {
        let text = serde_json::to_string(&said("RUNNING")).unwrap();
        assert_eq!(serde_json::from_str::<Seen>(&text).unwrap(), said("RUNNING"));
        assert_eq!(serde_json::from_str::<Seen>("{\"a\":{}}").unwrap().of("a"), Some(&Part::default()));
    }
}
