------------------------------ MODULE GateTrace ------------------------------
(* The gate, held to what a log says: each event must be a step that Gate allows in the state that the events before it *)
(* led to. `cargo xtask model` writes the module Traces, and in it Proposed, from logs of the real code (vm-dee/tests/walk.rs).               *)
(*                                                                                                                       *)
(* A log that Gate refuses cannot be read to its end, which TLC reports as a deadlock.                                    *)
EXTENDS Gate, Sequences, Traces

VARIABLES trace, place

traceVars == <<vars, trace, place>>
Event == Traces[trace][place]
IsRead == place > Len(Traces[trace])

PromoteBy(p, names, isAnchored) ==
  LET by == {r \in Of("approval", p) : r.n \in names}
  IN /\ Cardinality(by) = Cardinality(names)
     /\ NeedsAnchor(p, epoch) => isAnchored
     /\ Promote(p, by)

Step(e) ==
  CASE e.kind = "policy" -> Policy(e.who)
    [] e.kind = "tick" -> Tick(e.at)
    [] e.kind = "proposal" -> e.epoch = epoch /\ Propose(e.p, e.to, e.until)
    [] e.kind = "approval" -> e.epoch = epoch /\ Approve(e.p, e.who, e.until, e.n)
    [] e.kind = "seal" -> Seal
    [] e.kind = "anchor" -> Anchor
    [] e.kind = "intent" -> e.epoch = epoch /\ PromoteBy(e.p, e.by, e.anchored)
    [] e.kind = "execute" -> Execute(e.p)
    [] e.kind = "change" -> ChangeEpoch(e.p) /\ epoch' = e.to
    [] e.kind = "outcome" -> Finish(e.p, e.end) \/ Close(e.p, e.end) \/ (e.end = "unknown" /\ Recover(e.p))

TraceInit == Init /\ trace \in DOMAIN Traces /\ place = 1

TraceNext ==
  \/ ~IsRead /\ Step(Event) /\ place' = place + 1 /\ trace' = trace
  \/ IsRead /\ UNCHANGED traceVars

TraceSpec == TraceInit /\ [][TraceNext]_traceVars

\* Holds of logs that must be refused.
NoneIsRead == ~IsRead
=============================================================================
