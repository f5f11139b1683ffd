//! The table that is printed.

/// Rows, shown as they come and all together at the end.
#[derive(Default)]
pub struct Table(Vec<Row>);

/// What was measured, against what, and what it should reach.
pub struct Row {
    /// What.
    pub what: &'static str,
    /// Ours.
    pub ours: Side,
    /// The baseline.
    pub baseline: Side,
    /// Ours over the baseline, or ours alone where the target is a figure.
    pub value: f64,
    /// What to reach.
    pub target: Target,
}

/// One side of a row.
#[derive(Clone, Default)]
pub struct Side {
    /// What was measured, with its unit.
    pub figure: String,
    /// CPU seconds for a million records.
    pub cpu: Option<f64>,
    /// The most memory used, in megabytes.
    pub memory: Option<f64>,
}

/// What to reach.
#[derive(Clone, Copy)]
pub enum Target {
    /// At least.
    AtLeast(f64),
    /// At most.
    AtMost(f64),
}

impl Target {
    fn is_reached(self, value: f64) -> bool {
        match self {
            Target::AtLeast(least) => value >= least,
            Target::AtMost(most) => value <= most,
        }
    }

    fn text(self) -> String {
        match self {
            Target::AtLeast(least) => format!("at least {least}"),
            Target::AtMost(most) => format!("at most {most}"),
        }
    }
}

impl Side {
    /// A figure alone.
    pub fn figure(figure: String) -> Side {
        Side { figure, ..Side::default() }
    }

    fn cells(&self) -> String {
        let cell = |value: Option<f64>, unit: &str, digits: usize| {
            value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$} {unit}"))
        };
        let figure = if self.figure.is_empty() { "-" } else { &self.figure };
        format!("{figure} | {} | {}", cell(self.cpu, "s", 2), cell(self.memory, "MB", 0))
    }
}

impl Table {
    /// Adds a row and prints it.
    pub fn add(&mut self, row: Row) {
        println!("{}", row.line());
        self.0.push(row);
    }

    /// How many rows miss their target.
    pub fn missed(&self) -> usize {
        self.0.iter().filter(|row| !row.target.is_reached(row.value)).count()
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// All rows as Markdown.
    pub fn render(&self) -> String {
        let head = "| what | value | to reach | ours | CPU / 1 M | peak | baseline | CPU / 1 M | peak |\n\
                    |---|---|---|---|---|---|---|---|---|\n";
        let lines: Vec<String> = self.0.iter().map(Row::line).collect();
        format!("{head}{}", lines.join("\n"))
    }
}

impl Row {
    fn line(&self) -> String {
        let mark = if self.target.is_reached(self.value) { "" } else { ", **missed**" };
        let (what, value, target) = (self.what, self.value, self.target.text());
        format!("| {what} | {value:.2} | {target}{mark} | {} | {} |", self.ours.cells(), self.baseline.cells())
    }
}

/// The measurement with the median ratio.
pub fn median<T>(mut pairs: Vec<T>, ratio: impl Fn(&T) -> f64) -> T {
    pairs.sort_by(|one, other| ratio(one).total_cmp(&ratio(other)));
    let middle = pairs.len() / 2;
    pairs.swap_remove(middle)
}
