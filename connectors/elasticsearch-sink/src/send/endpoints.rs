//! Which of several addresses a request goes to. Pure: time is a number of milliseconds.

/// How long an address that did not answer is passed over at first, in milliseconds; twice as long each time.
const FIRST_PAUSE: u64 = 1_000;

/// The longest that it is passed over.
const LONGEST_PAUSE: u64 = 60_000;

/// The addresses, by number.
#[derive(Debug)]
pub struct Endpoints {
    all: Vec<Endpoint>,
    next: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Endpoint {
    failures: u32,
    passed_over_until: u64,
}

impl Endpoints {
    /// That many, all believed to answer.
    pub fn new(count: usize) -> Endpoints {
        Endpoints { all: vec![Endpoint::default(); count.max(1)], next: 0 }
    }

    /// The next in turn that is not passed over; where all are, the one whose time is over first.
    pub fn choose(&mut self, now: u64) -> usize {
        let count = self.all.len();
        let turn = (0..count).map(|step| (self.next + step) % count);
        let chosen = turn.clone().find(|at| self.all[*at].passed_over_until <= now);
        let chosen = chosen.or_else(|| turn.min_by_key(|at| self.all[*at].passed_over_until)).unwrap_or(0);
        self.next = (chosen + 1) % count;
        chosen
    }

    /// It answered.
    pub fn answered(&mut self, endpoint: usize) {
        self.all[endpoint] = Endpoint::default();
    }

    /// It did not answer.
    pub fn failed(&mut self, endpoint: usize, now: u64) {
        let endpoint = &mut self.all[endpoint];
        let pause = FIRST_PAUSE.saturating_mul(1 << endpoint.failures.min(16)).min(LONGEST_PAUSE);
        endpoint.failures = endpoint.failures.saturating_add(1);
        endpoint.passed_over_until = now + pause;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_take_turns_and_silent_ones_are_passed_over_for_a_while() {
        let mut endpoints = Endpoints::new(3);
        assert_eq!([0; 4].map(|now| endpoints.choose(now)), [0, 1, 2, 0]);
        endpoints.failed(1, 0);
        assert_eq!([0; 3].map(|now| endpoints.choose(now)), [2, 0, 2]);
        endpoints.failed(2, 10);
        endpoints.failed(0, 20);
        assert_eq!(endpoints.choose(30), 1, "all are silent: the first whose time is over");
        endpoints.failed(1, 1_000);
        assert_eq!(endpoints.choose(2_000), 2);
        endpoints.answered(1);
        assert!((0..3).any(|_| endpoints.choose(2_000) == 1));
    }
}
