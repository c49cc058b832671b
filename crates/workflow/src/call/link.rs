//! Putting a workflow together with the files that it calls.

use super::{WorkflowReference, matching};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::dialect::parse;
use crate::model::{Call, GivenSecrets, Job, Workflow};
use crate::source::Span;
use crate::uses::is_allowed;
use checkmill_core::CommitSha;
use checkmill_core::limits::{CALLED_WORKFLOWS, WORKFLOW_LEVELS};
use checkmill_core::policy::AllowedActions;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What became of a file that is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Called {
    Text(String),
    /// Why it can't be had: what follows "… can't be called:".
    Unreadable(String),
    /// It is not looked at here: nothing can be said about it, and its jobs are not known.
    Elsewhere,
}

/// A workflow and the files that it calls. Ask what is [`Linker::wanted`], [`Linker::give`] it, until nothing is; then [`Linker::link`].
#[derive(Debug, Clone)]
pub struct Linker<'p> {
    root: Workflow,
    reference: WorkflowReference,
    rule: &'p AllowedActions,
    /// Of the run's repository, where it is known.
    owner: Option<String>,
    files: BTreeMap<WorkflowReference, File>,
}

#[derive(Debug, Clone)]
enum File {
    Read(Box<Workflow>),
    Broken(Diagnostics),
    Unreadable(String),
    Elsewhere,
}

impl<'p> Linker<'p> {
    /// `rule` is the policy's about actions: it holds for other repositories' workflows, too.
    #[must_use]
    pub fn new(root: Workflow, rule: &'p AllowedActions) -> Self {
        let reference = WorkflowReference::Local(root.path().to_owned());
        Self {
            root,
            reference,
            rule,
            owner: None,
            files: BTreeMap::new(),
        }
    }

    /// Says whose the run's repository is: its secrets are passed on whole (`secrets: inherit`) to no other owner's workflow.
    #[must_use]
    pub fn of_owner(self, owner: &str) -> Self {
        Self {
            owner: Some(owner.to_owned()),
            ..self
        }
    }

    /// The files that are called, as seen from the run's repository, and were not given yet; none past the limits, which
    /// [`Linker::link`] reports.
    #[must_use]
    pub fn wanted(&self) -> Vec<WorkflowReference> {
        let mut seen = BTreeSet::from([self.reference.clone()]);
        let mut wanted = Vec::new();
        let mut level = vec![(&self.reference, &self.root)];
        for _ in 1..WORKFLOW_LEVELS {
            let mut next = Vec::new();
            for (caller, workflow) in level {
                for target in workflow.calls() {
                    let target = target.seen_from(caller);
                    if seen.len() > CALLED_WORKFLOWS || !self.allows(&target) || !seen.insert(target.clone())
                    {
                        continue;
                    }
                    match self.files.get_key_value(&target) {
                        Some((reference, File::Read(workflow))) => next.push((reference, &**workflow)),
                        Some(_) => {}
                        None => wanted.push(target),
                    }
                }
            }
            level = next;
        }
        wanted
    }

    /// Takes what became of a file.
    pub fn give(&mut self, reference: WorkflowReference, called: Called) {
        let file = match called {
            Called::Text(text) => match parse(&reference.path(), &text) {
                Ok(workflow) => File::Read(Box::new(workflow)),
                Err(diagnostics) => File::Broken(diagnostics),
            },
            Called::Unreadable(why) => File::Unreadable(why),
            Called::Elsewhere => File::Elsewhere,
        };
        self.files.insert(reference, file);
    }

    /// Says which commit a file that was given is of, for `job.workflow_sha`.
    pub fn at_commit(&mut self, reference: &WorkflowReference, sha: CommitSha) {
        if let Some(File::Read(workflow)) = self.files.get_mut(reference) {
            workflow.commit = Some(sha);
        }
    }

    /// The workflow whose jobs know the workflows that they call.
    ///
    /// # Errors
    /// Everything that is wrong between the files, at its place in the caller's; for a file that is broken by itself its own
    /// mistakes, too. The files of the run's own workflow come first.
    pub fn link(self) -> Result<Workflow, Diagnostics> {
        let mut linking = Linking {
            linker: &self,
            done: BTreeMap::new(),
            way: Vec::new(),
            found: BTreeMap::new(),
            broken: Vec::new(),
            is_cut: false,
        };
        let root = linking.file(&self.reference, &self.root);
        let own = linking.found.remove(&self.reference).unwrap_or_default();
        let of_files = linking
            .found
            .into_values()
            .filter_map(|found| Diagnostics::of(found, 0));
        let all: Vec<Diagnostics> = Diagnostics::of(own, 0)
            .into_iter()
            .chain(of_files)
            .chain(linking.broken)
            .collect();
        match Diagnostics::of_files(all) {
            Some(found) => Err(found),
            None => {
                let found = matching::permissions(&root.workflow);
                Diagnostics::of(found, 0).map_or(Ok(Arc::unwrap_or_clone(root.workflow)), Err)
            }
        }
    }

    fn allows(&self, target: &WorkflowReference) -> bool {
        match target {
            WorkflowReference::Local(_) => true,
            WorkflowReference::Remote(remote) => is_allowed(self.rule, &remote.as_action()),
        }
    }
}

/// A file with what it calls.
#[derive(Clone)]
struct Linked {
    workflow: Arc<Workflow>,
    /// Workflows on the longest way down, this one counted.
    levels: usize,
}

struct Linking<'l> {
    linker: &'l Linker<'l>,
    /// Each file is looked at once, however many call it.
    done: BTreeMap<WorkflowReference, Linked>,
    /// From the run's own file down to the present one.
    way: Vec<WorkflowReference>,
    /// What is wrong in each file about what it calls.
    found: BTreeMap<WorkflowReference, Vec<Diagnostic>>,
    /// What is wrong with files by themselves.
    broken: Vec<Diagnostics>,
    /// There are more files than may be.
    is_cut: bool,
}

impl Linking<'_> {
    // No deeper than there are files: a file on the way is not entered again.
    fn file(&mut self, reference: &WorkflowReference, workflow: &Workflow) -> Linked {
        self.way.push(reference.clone());
        let mut linked = workflow.clone();
        let mut below = 0;
        for job in &mut linked.jobs {
            let Some(call) = &job.call else { continue };
            match self.callee(reference, workflow, job, call) {
                Ok(Some(callee)) => {
                    below = below.max(callee.levels);
                    let found = matching::call(workflow, job, call, &callee.workflow);
                    self.found.entry(reference.clone()).or_default().extend(found);
                    if let Some(call) = &mut job.call {
                        call.callee = Some(callee.workflow);
                    }
                }
                Ok(None) => {}
                Err(diagnostic) => self.found.entry(reference.clone()).or_default().push(diagnostic),
            }
        }
        self.way.pop();
        let linked = Linked {
            workflow: Arc::new(linked),
            levels: below + 1,
        };
        self.done.insert(reference.clone(), linked.clone());
        linked
    }

    /// The workflow that a job calls; none of one that is not looked at here.
    fn callee(
        &mut self,
        caller: &WorkflowReference,
        workflow: &Workflow,
        job: &Job,
        call: &Call,
    ) -> Result<Option<Linked>, Diagnostic> {
        let wrong = |message: String| Diagnostic::new(&workflow.source, call.span, message);
        let target = call.target.seen_from(caller);
        if !self.linker.allows(&target) {
            let message = format!("the repository's policy does not allow the workflow `{target}`");
            let hint = "allow it with `actions` in `.checkmill/config.yml` of the default branch";
            return Err(wrong(message).with_hint(hint));
        }
        self.inherits(caller, workflow, call, &target)?;
        if let Some(from) = self.way.iter().position(|on_way| *on_way == target) {
            return Err(self.circle(from, &target, workflow, call.span));
        }
        let linked = match self.done.get(&target) {
            Some(linked) => linked.clone(),
            None => match self.linker.files.get(&target) {
                Some(File::Read(callee)) => self.file(&target, callee),
                Some(File::Broken(diagnostics)) => {
                    if !self.broken.contains(diagnostics) {
                        self.broken.push(diagnostics.clone());
                    }
                    let message = format!("the job `{}` calls `{target}`, which has mistakes", job.key);
                    return Err(wrong(message));
                }
                Some(File::Unreadable(why)) => {
                    return Err(wrong(format!("`{target}` can't be called: {why}")));
                }
                Some(File::Elsewhere) => return Ok(None),
                None => return self.past_a_limit(workflow, call),
            },
        };
        if self.way.len() + linked.levels > WORKFLOW_LEVELS {
            let message = format!(
                "`{target}` makes more than {WORKFLOW_LEVELS} levels of workflows that call each other"
            );
            return Err(wrong(message).with_hint("call the workflows further down from further up"));
        }
        Ok(Some(linked))
    }

    /// GitHub docs, "Reuse workflows": `secrets: inherit` works within an organisation or enterprise. Nobody tells an App
    /// what an enterprise is, so within one owner here.
    fn inherits(
        &self,
        caller: &WorkflowReference,
        workflow: &Workflow,
        call: &Call,
        target: &WorkflowReference,
    ) -> Result<(), Diagnostic> {
        let GivenSecrets::Inherited(span) = call.secrets else {
            return Ok(());
        };
        // Where other repositories are not looked at, a run's own has a name that was made up.
        if let Some(File::Elsewhere) = self.linker.files.get(target) {
            return Ok(());
        }
        let (Some(from), Some(to)) = (self.owner_of(caller), self.owner_of(target)) else {
            return Ok(());
        };
        if from.eq_ignore_ascii_case(to) {
            return Ok(());
        }
        let message =
            format!("`secrets: inherit` can't pass the secrets of `{from}` to a workflow of `{to}`");
        let hint = "name each secret that it needs, such as `TOKEN: ${{ secrets.TOKEN }}`";
        Err(Diagnostic::new(&workflow.source, span, message).with_hint(hint))
    }

    fn owner_of<'a>(&'a self, reference: &'a WorkflowReference) -> Option<&'a str> {
        match reference {
            WorkflowReference::Remote(remote) => Some(remote.repository.owner()),
            WorkflowReference::Local(_) => self.linker.owner.as_deref(),
        }
    }

    /// A file that nobody was asked for.
    fn past_a_limit(&mut self, workflow: &Workflow, call: &Call) -> Result<Option<Linked>, Diagnostic> {
        if std::mem::replace(&mut self.is_cut, true) {
            return Ok(None);
        }
        let message = if self.way.len() >= WORKFLOW_LEVELS {
            format!("at most {WORKFLOW_LEVELS} levels of workflows can call each other")
        } else {
            format!(
                "a workflow can call at most {CALLED_WORKFLOWS} different workflows, directly and through others"
            )
        };
        Err(Diagnostic::new(&workflow.source, call.span, message))
    }

    fn circle(&self, from: usize, target: &WorkflowReference, workflow: &Workflow, span: Span) -> Diagnostic {
        let circle = self.way[from..].iter().chain([target]);
        let names: Vec<String> = circle
            .map(|reference| format!("`{}`", reference.path()))
            .collect();
        let message = match names.as_slice() {
            [one, _] => format!("the workflow {one} calls itself"),
            _ => format!("the workflows call each other in a circle: {}", names.join(" → ")),
        };
        Diagnostic::new(&workflow.source, span, message).with_hint("remove one of the `uses`")
    }
}
