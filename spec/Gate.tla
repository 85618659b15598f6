-------------------------------- MODULE Gate --------------------------------
(* The gate of vm-dee: seal, anchor, promote, execute, change of epoch, and crashes.                                   *)
(*                                                                                                                      *)
(* Written from docs/adr/0016. Signatures, roles, replays and keys are left out: a person stands for all of its keys.   *)
(* The log is the set of its rows. Where order matters a row says itself what its place decides: the age it came in,    *)
(* which counts the changes of epoch before it. Rows never go away, so what holds of the set in every state holds of    *)
(* the order of the rows too.                                                                                           *)
(*                                                                                                                      *)
(* Each constant named Check... is a guard of the code. Turned off, an invariant must break: docs/model.md.             *)
EXTENDS Naturals, FiniteSets

CONSTANTS
  People, Humans, Proposer,   \* who may approve; who of them is a person and not a machine; who has proposed
  Enrolled,                   \* whom the policy enrols at the start
  Proposals, Work,            \* all proposals; those that change no epoch
  Targets,                    \* epochs that a change may lead to
  Quorum, Lasts, Life,        \* approvals needed; how long an approval lasts; how long a proposal lasts
  EachMax,                    \* approvals of one proposal by one person
  Removable, NowMax, PoliciesMax, CrashesMax,             \* bounds of the search alone
  CheckQuorum, CheckHuman, CheckProposer, CheckWithdrawn, CheckSticky, CheckExpiry, CheckEpoch, CheckSingle,
  CheckSealed, CheckAnchor, CheckChange, CheckOpen, CheckIntent, CheckFailed, CheckDurable, CheckRecovery

VARIABLES
  log,                        \* durable rows
  epoch, age, enrolled, gone, \* what a fold over the rows says; gone: approvals that a policy withdrew
  sealed, anchored,           \* rows that some seal covers; those that an anchored seal covers
  prepared, held, running,    \* of the process, lost at a crash: trails prepared, leaves to execute, executions
  runs,                       \* what happened in the world
  now, policies, crashes

folded == <<epoch, age, enrolled, gone>>
volatile == <<prepared, held, running>>
bounds == <<policies, crashes>>
vars == <<log, folded, sealed, anchored, volatile, runs, now, bounds>>

-----------------------------------------------------------------------------
Rows(kind) == {r \in log : r.kind = kind}
Of(kind, p) == {r \in log : r.kind = kind /\ r.p = p}
Known(p) == Of("proposal", p) # {}
ProposalOf(p) == CHOOSE r \in log : r.kind = "proposal" /\ r.p = p
Intents(p) == Of("intent", p)
IsTaken(p) == Intents(p) # {}
IsOpen(p) == Known(p) /\ Of("outcome", p) = {}
IsChange(p) == ProposalOf(p).to # "none"
IsVoid(p) == ProposalOf(p).age # age

\* What must hold before approvals are counted.
Executable(p) ==
  /\ IsOpen(p)
  /\ CheckSingle => ~IsTaken(p)
  /\ CheckEpoch => ~IsVoid(p)
  /\ now < ProposalOf(p).until

NeedsHuman(p, e) == IsChange(p) \/ e # "albedo"
NeedsAnchor(p, e) == IsChange(p) \/ e = "rubedo"

Counts(r) ==
  /\ CheckProposer => r.who # Proposer
  /\ CheckWithdrawn => r.who \in enrolled /\ (CheckSticky => r \notin gone)  \* who is enrolled again has to approve again
  /\ CheckEpoch => r.age = age
  /\ CheckExpiry => now < r.until

Who(by) == {r.who : r \in by}
IsMany(by) == Cardinality(Who(by)) >= Quorum
IsHuman(p, e, by) == NeedsHuman(p, e) => Who(by) \cap Humans # {}

Trail(p, by) == by \cup {ProposalOf(p)}

IsGated(p, by) ==
  /\ by \subseteq Of("approval", p)
  /\ \A r \in by : Counts(r)
  /\ CheckQuorum => IsMany(by)
  /\ CheckHuman => IsHuman(p, epoch, by)
  /\ CheckSealed => Trail(p, by) \subseteq sealed
  /\ CheckAnchor /\ NeedsAnchor(p, epoch) => Trail(p, by) \subseteq anchored

-----------------------------------------------------------------------------
Init ==
  /\ log = {} /\ epoch = "nigredo" /\ age = 0 /\ enrolled = Enrolled /\ gone = {}
  /\ sealed = {} /\ anchored = {}
  /\ prepared = {} /\ held = {} /\ running = {}
  /\ runs = {} /\ now = 0 /\ policies = 0 /\ crashes = 0

Record(row) == log' = log \cup {row}

Policy(who) ==
  /\ enrolled' = who
  /\ gone' = gone \cup {r \in Rows("approval") : r.who \notin who}
  /\ policies' = policies + 1
  /\ UNCHANGED <<log, epoch, age, sealed, anchored, volatile, runs, now, crashes>>

Propose(p, to, until) ==
  /\ ~Known(p) /\ to # epoch /\ now < until
  /\ Record([kind |-> "proposal", p |-> p, to |-> to, age |-> age, until |-> until])
  /\ UNCHANGED <<folded, sealed, anchored, volatile, runs, now, bounds>>

\* `n` tells rows apart that say the same.
Approve(p, who, until, n) ==
  /\ Executable(p)
  /\ who \in enrolled
  /\ CheckProposer => who # Proposer
  /\ now < until /\ until <= now + Lasts
  /\ Cardinality({r \in Of("approval", p) : r.who = who /\ r \notin gone}) < EachMax
  /\ Record([kind |-> "approval", p |-> p, who |-> who, age |-> age, until |-> until, n |-> n])
  /\ UNCHANGED <<folded, sealed, anchored, volatile, runs, now, bounds>>

\* A seal covers all rows there are. Of those only what a trail can need is kept.
Seal ==
  /\ sealed' = Rows("proposal") \cup Rows("approval")
  /\ UNCHANGED <<log, folded, anchored, volatile, runs, now, bounds>>

\* The newest seal has an anchor, and that was checked.
Anchor ==
  /\ anchored' = sealed
  /\ UNCHANGED <<log, folded, sealed, volatile, runs, now, bounds>>

\* A process has its trail together; nobody else knows. While it executes it prepares nothing.
Prepare(p, by) ==
  /\ Executable(p) /\ IsGated(p, by) /\ p \notin running
  /\ prepared' = prepared \cup {[p |-> p, by |-> by]}
  /\ UNCHANGED <<log, folded, sealed, anchored, held, running, runs, now, bounds>>

\* The intent becomes durable, if the gate lets it, and the process has leave.
Promote(p, by) ==
  /\ Executable(p) /\ IsGated(p, by)
  /\ Record([kind |-> "intent", p |-> p, age |-> age, epoch |-> epoch, at |-> now, by |-> by,
             withdrawn |-> by \cap gone, n |-> Cardinality(Intents(p))])
  /\ prepared' = prepared \ {[p |-> p, by |-> by]}
  /\ held' = held \cup {p}
  /\ UNCHANGED <<folded, sealed, anchored, running, runs, now, bounds>>

Run(p) == runs' = runs \cup {[p |-> p, age |-> age, n |-> Cardinality({x \in runs : x.p = p})]}

Execute(p) ==
  /\ ~IsChange(p)
  /\ \/ p \in held /\ UNCHANGED prepared
     \/ ~CheckDurable /\ \E x \in prepared : x.p = p /\ prepared' = prepared \ {x}
  /\ Run(p)
  /\ held' = held \ {p}
  /\ running' = running \cup {p}
  /\ UNCHANGED <<log, folded, sealed, anchored, now, bounds>>

\* Executing a change of epoch is recording it.
ChangeEpoch(p) ==
  /\ IsOpen(p) /\ IsChange(p) /\ ~IsVoid(p)
  /\ CheckChange => p \in held /\ IsTaken(p)
  /\ CheckOpen => ~\E other \in Proposals \ {p} : IsOpen(other) /\ IsTaken(other)
  /\ Record([kind |-> "change", p |-> p, age |-> age])
  /\ epoch' = ProposalOf(p).to /\ age' = age + 1
  /\ Run(p)
  /\ held' = held \ {p}
  /\ running' = running \cup {p}
  /\ UNCHANGED <<enrolled, gone, sealed, anchored, prepared, now, bounds>>

End(p, end) ==
  /\ Record([kind |-> "outcome", p |-> p, end |-> end])
  /\ held' = held \ {p} /\ running' = running \ {p}
  /\ UNCHANGED <<folded, sealed, anchored, prepared, runs, now, bounds>>

Finish(p, end) ==
  /\ IsOpen(p)
  /\ IF end = "succeeded" THEN p \in running ELSE p \in held \cup running
  /\ end \in {"succeeded", "failed", "unknown"}
  /\ CheckFailed /\ end = "failed" => Of("change", p) = {}
  /\ End(p, end)

\* Whoever opens the gate next, when no other process runs.
Recover(p) ==
  /\ IsOpen(p)
  /\ CheckIntent => IsTaken(p)
  /\ p \notin held \cup running
  /\ End(p, "unknown")

\* What no code does: an intent without an outcome is run again.
RunAgain(p) ==
  /\ ~CheckRecovery
  /\ IsOpen(p) /\ IsTaken(p) /\ p \notin held \cup running
  /\ held' = held \cup {p}
  /\ UNCHANGED <<log, folded, sealed, anchored, prepared, running, runs, now, bounds>>

Close(p, end) ==
  /\ IsOpen(p) /\ ~IsTaken(p)
  /\ end \in {"withheld", "expired"}
  /\ end = "expired" => IsVoid(p) \/ now >= ProposalOf(p).until
  /\ End(p, end)

Crash ==
  /\ crashes' = crashes + 1
  /\ prepared' = {} /\ held' = {} /\ running' = {}
  /\ UNCHANGED <<log, folded, sealed, anchored, runs, now, policies>>

Tick(t) ==
  /\ t > now /\ now' = t
  /\ UNCHANGED <<log, folded, sealed, anchored, volatile, runs, bounds>>

-----------------------------------------------------------------------------
\* Within the bounds of the search.
Next ==
  \/ \E p \in Work : Propose(p, "none", now + Life)
  \/ \E p \in Proposals \ Work, to \in Targets : Propose(p, to, now + Life)
  \/ \E p \in Proposals, who \in People : Approve(p, who, now + Lasts, 0)
  \/ policies < PoliciesMax /\ \E who \in Removable : Policy(People \ {who})
  \/ policies < PoliciesMax /\ enrolled # People /\ Policy(People)
  \/ Rows("approval") \ sealed # {} /\ Seal     \* what covers no further approval serves no promotion
  \/ sealed # anchored /\ Anchor
  \/ \E p \in Proposals : \E by \in SUBSET Of("approval", p) : Prepare(p, by)
  \/ \E x \in prepared : Promote(x.p, x.by)
  \/ \E p \in Proposals : Known(p) /\ (Execute(p) \/ ChangeEpoch(p) \/ Recover(p) \/ RunAgain(p))
  \/ \E p \in Proposals, end \in {"succeeded", "failed"} : Finish(p, end)
  \/ \E p \in Proposals, end \in {"withheld", "expired"} : Close(p, end)
  \/ crashes < CrashesMax /\ Crash
  \/ now < NowMax /\ Tick(now + 1)

Spec == Init /\ [][Next]_vars

-----------------------------------------------------------------------------
\* Each intent rests on enough approvals that were in force when it became durable.
IsWellGated(i) ==
  /\ i.by \subseteq Of("approval", i.p)
  /\ \A r \in i.by : r.who # Proposer /\ i.at < r.until
  /\ i.withdrawn = {}
  /\ IsMany(i.by) /\ IsHuman(i.p, i.epoch, i.by)
  /\ i.at < ProposalOf(i.p).until

NoUngatedExecution == \A x \in runs : IsTaken(x.p) /\ \A i \in Intents(x.p) : IsWellGated(i)
NoSecondExecution == \A p \in Proposals : Cardinality({x \in runs : x.p = p}) <= 1
OneIntent == \A p \in Proposals : Cardinality(Intents(p)) <= 1
ApprovalsEndWithTheEpoch == \A i \in Rows("intent") : \A r \in Trail(i.p, i.by) : r.age = i.age
RunsInItsEpoch == \A x \in runs : \A i \in Intents(x.p) : x.age = i.age
PromotedOnAnchorsOnly ==
  \A i \in Rows("intent") : /\ Trail(i.p, i.by) \subseteq sealed
                            /\ NeedsAnchor(i.p, i.epoch) => Trail(i.p, i.by) \subseteq anchored
EpochByProposalOnly ==
  /\ age = Cardinality(Rows("change"))
  /\ \A c \in Rows("change") : \E i \in Intents(c.p) : i.age = c.age
OutcomeAfterIntent ==
  \A o \in Rows("outcome") : o.end \in {"succeeded", "failed", "unknown"} <=> IsTaken(o.p)

FailedChangesNoEpoch == \A o \in Rows("outcome") : o.end = "failed" => Of("change", o.p) = {}

\* What must not hold, or the search saw nothing.
NothingSucceeds == \E p \in Proposals : ~\E o \in Rows("outcome") : o.p = p /\ o.end = "succeeded"
EpochStays == age = 0
NothingIsLost == ~\E o \in Rows("outcome") : o.end = "unknown" /\ \E x \in runs : x.p = o.p
=============================================================================
