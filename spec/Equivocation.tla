---------------------------- MODULE Equivocation ----------------------------
(* Equivocation in vm-crdt: signed operations in a hash graph, forks, proofs, what counts, and one sealed revocation.   *)
(*                                                                                                                      *)
(* Replicas are the honest authors. Whoever is Byzantine forks, withholds, back-dates and vouches for others as it      *)
(* likes. Any operation, proof or event that exists may reach any replica at any time, or never.                        *)
(* An operation is named by author, sequence number and a number that tells forks apart and stands for its digest.      *)
(* What a replica refuses by its validity alone is not made, since every replica refuses it alike.                      *)
(*                                                                                                                      *)
(* Each constant named Check... is a rule. Turned off, an invariant must break: docs/model.md.                          *)
EXTENDS Naturals, FiniteSets, TLC

CONSTANTS
  Honest, Forkers, Vouchers,         \* honest authors; Byzantine ones, who differ in how much they may write
  HonestMax, ForkerMax, VoucherMax, OpsMax,  \* operations of one author, of all
  ForksMax, OthersMax, FrontierMax,  \* operations of one author and number; other predecessors; heads of the frontier
  Revocable,                         \* of whom one may be revoked
  CheckSignature, CheckProof, CheckParent, CheckChain, CheckVouch, CheckMerge, CheckSealed, CheckTake, CheckProven,
  CheckPast, CheckSet, CheckFrontier, CheckLeast

VARIABLES
  ops,      \* all that was signed: name -> operation
  sealed,   \* the event: nobody revoked yet, or who and the frontier
  held,     \* of each replica: operations delivered
  proofs,   \*   the least proof of each author it knows one of
  knows,    \*   whether it has the event
  arrived   \*   what counted as it arrived; kept only where CheckSet is off

vars == <<ops, sealed, held, proofs, knows, arrived>>

Byzantine == Forkers \cup Vouchers
Authors == Honest \cup Byzantine
None == <<>>
Symmetry == Permutations(Honest \ Revocable) \cup Permutations(Forkers \ Revocable) \cup Permutations(Vouchers \ Revocable)

By(o) == o[1]
Seq(o) == o[2]
Some(parent) == IF parent = None THEN {} ELSE {parent}
Past(S) == UNION {ops[o].past : o \in S}     \* with S itself
Heads(S) == {o \in S : \A x \in S \ {o} : o \notin ops[x].past}
Comparable(a, b) == a \in ops[b].past \/ b \in ops[a].past

-----------------------------------------------------------------------------
\* Proofs: two operations of one author and number.
Pairs(S) == {<<By(a), Seq(a), a[3], b[3]>> : <<a, b>> \in {x \in S \X S : /\ By(x[1]) = By(x[2])
                                                                       /\ Seq(x[1]) = Seq(x[2]) /\ x[1][3] < x[2][3]}}
IsUpTo(p, q) == \/ p[2] < q[2]
                \/ p[2] = q[2] /\ p[3] < q[3]
                \/ p[2] = q[2] /\ p[3] = q[3] /\ p[4] <= q[4]
Least(P) == {p \in P : \A q \in P : q[1] = p[1] => IsUpTo(p, q)}
Keep(old, new) == IF CheckLeast THEN Least(old \cup new)
                  ELSE old \cup Least({p \in new : \A q \in old : q[1] # p[1]})
IsForked(a, S) == \E x, y \in S : By(x) = a /\ By(y) = a /\ ~Comparable(x, y)

-----------------------------------------------------------------------------
\* Validity of an operation of `a`: a function of it, its past and the events up to its epoch.
\* V1
IsEnrolled(a, epoch) == epoch = 0 \/ sealed.who # a
\* V3
IsLater(parent, others, epoch) == \A o \in others \cup Some(parent) : ops[o].epoch <= epoch
\* V4
IsChain(a, parent, before) ==
  LET own == {o \in before : By(o) = a} IN own # {} => parent # None /\ own \subseteq ops[parent].past
\* V5: of a forked author only what a sealed frontier names.
IsNoVouch(parent, others, before, epoch) ==
  LET knew == IF CheckMerge THEN before ELSE IF parent = None THEN {} ELSE ops[parent].past IN
  \A o \in others : \/ CheckSealed /\ epoch = 1 /\ o \in sealed.frontier
                    \/ ~IsForked(By(o), knew)

IsValid(a, parent, others, epoch) ==
  LET before == Past(others \cup Some(parent)) IN
  /\ IsEnrolled(a, epoch)
  /\ IsLater(parent, others, epoch)
  /\ CheckChain => IsChain(a, parent, before)
  /\ CheckVouch => IsNoVouch(parent, others, before, epoch)

-----------------------------------------------------------------------------
\* What counts at replica h.
Proven(h) == {p[1] : p \in proofs[h]}
Frontier(h, S) == IF knows[h] THEN Past(sealed.frontier \cap S) ELSE {}
IsRevoked(h, a) == knows[h] /\ sealed.who = a
IsSound(h, o, S) == (CheckProven => By(o) \notin Proven(h)) /\ (IsRevoked(h, By(o)) => o \in Frontier(h, S))
Sound(h, S) == LET sound == {o \in S : IsSound(h, o, S)} IN IF CheckPast THEN Past(sound) ELSE sound
Needed(h, S) == Sound(h, S) \cup Frontier(h, S)
Counted(h) == IF CheckSet THEN Needed(h, held[h]) ELSE arrived[h]
Effective(h) ==
  {o \in Counted(h) : IsRevoked(h, By(o)) /\ CheckFrontier => o \in Frontier(h, held[h])}

\* Whether h takes an operation with all of its past that it lacks: where all of it would count.
Takes(h, o) ==
  LET S == held[h] \cup ops[o].past IN
  /\ o \notin held[h]
  /\ \A x \in ops[o].past : ops[x].valid
  /\ ops[o].epoch = 1 => knows[h]
  /\ ops[o].past \ held[h] \subseteq IF CheckTake THEN Needed(h, S) ELSE Sound(h, S)

-----------------------------------------------------------------------------
Init ==
  /\ ops = <<>>
  /\ sealed = [who |-> None, frontier |-> {}]
  /\ held = [h \in Honest |-> {}] /\ proofs = [h \in Honest |-> {}] /\ knows = [h \in Honest |-> FALSE]
  /\ arrived = [h \in Honest |-> {}]

Most(a) == CASE a \in Honest -> HonestMax [] a \in Forkers -> ForkerMax [] OTHER -> VoucherMax
Of(a) == {o \in DOMAIN ops : By(o) = a}

Sign(name, parent, others, epoch) ==
  ops' = ops @@ (name :> [parent |-> parent, others |-> others, epoch |-> epoch,
                          valid |-> IsValid(By(name), parent, others, epoch),
                          past |-> {name} \cup Past(others \cup Some(parent))])

Arrive(h, S) == arrived' = IF CheckSet THEN arrived
                           ELSE [arrived EXCEPT ![h] = @ \cup {o \in S : By(o) \notin Proven(h)}]

\* An honest author names all heads of what counts.
Write(h) ==
  LET own == {o \in held[h] : By(o) = h}
      parent == IF own = {} THEN None ELSE CHOOSE o \in own : \A x \in own : Seq(x) <= Seq(o)
      name == <<h, IF own = {} THEN 0 ELSE Seq(parent) + 1, 0>> IN
  /\ Cardinality(own) < Most(h)
  /\ ~IsRevoked(h, h)
  /\ name \notin DOMAIN ops
  /\ Sign(name, parent, Heads(Counted(h)) \ {parent}, IF knows[h] THEN 1 ELSE 0)
  /\ held' = [held EXCEPT ![h] = @ \cup {name}]
  /\ Arrive(h, {name})
  /\ UNCHANGED <<sealed, proofs, knows>>

\* Whatever is valid.
Lie(a, parent, seq, others, epoch) ==
  LET forks == {o \in Of(a) : Seq(o) = seq} IN
  /\ Cardinality(forks) < ForksMax
  /\ IsValid(a, parent, others, epoch)
  /\ Sign(<<a, seq, Cardinality(forks)>>, parent, others, epoch)
  /\ UNCHANGED <<sealed, held, proofs, knows, arrived>>

Deliver(h, o) ==
  /\ Takes(h, o)
  /\ held' = [held EXCEPT ![h] = @ \cup ops[o].past]
  /\ proofs' = [proofs EXCEPT ![h] = Keep(@, Pairs(held'[h]))]
  /\ Arrive(h, ops[o].past)
  /\ UNCHANGED <<ops, sealed, knows>>

LearnProof(h, p) ==
  /\ Keep(proofs[h], {p}) # proofs[h]
  /\ proofs' = [proofs EXCEPT ![h] = Keep(@, {p})]
  /\ UNCHANGED <<ops, sealed, held, knows, arrived>>

\* Sealers sign any frontier, also one of operations that no honest replica holds.
Seal(who, frontier) ==
  /\ sealed.who = None
  /\ sealed' = [who |-> who, frontier |-> frontier]
  /\ UNCHANGED <<ops, held, proofs, knows, arrived>>

LearnEvent(h) ==
  /\ sealed.who # None /\ ~knows[h]
  /\ knows' = [knows EXCEPT ![h] = TRUE]
  /\ UNCHANGED <<ops, sealed, held, proofs, arrived>>

-----------------------------------------------------------------------------
\* Within the bounds of the search.
Small(S, n) == {s \in SUBSET S : Cardinality(s) <= n /\ Heads(s) = s}
Known == Pairs(DOMAIN ops) \cup IF CheckProof THEN {} ELSE {<<a, 0, 0, 1>> : a \in Authors}
Epochs == IF sealed.who = None THEN {0} ELSE {0, 1}

Lies(a) ==
  \E parent \in Of(a) \cup {None} :
    \E others \in Small({o \in DOMAIN ops : By(o) # a /\ (parent # None => o \notin ops[parent].past)}, OthersMax) :
      \E epoch \in Epochs :
        \/ Lie(a, parent, IF parent = None THEN 0 ELSE Seq(parent) + 1, others, epoch)
        \/ ~CheckParent /\ parent = None /\ Lie(a, None, 1, others, epoch)

Next ==
  \/ \E h \in Honest : \/ Cardinality(DOMAIN ops) < OpsMax /\ Write(h)
                       \/ \E o \in DOMAIN ops : Deliver(h, o)
                       \/ \E p \in Known : LearnProof(h, p)
                       \/ LearnEvent(h)
  \/ \E a \in IF CheckSignature THEN Byzantine ELSE Authors :
       /\ Cardinality(DOMAIN ops) < OpsMax /\ Cardinality(Of(a)) < Most(a)
       /\ Lies(a)
  \/ \E who \in Revocable, frontier \in Small(DOMAIN ops, FrontierMax) : Seal(who, frontier)

Spec == Init /\ [][Next]_vars

-----------------------------------------------------------------------------
\* Nothing that an honest replica has would change another one.
IsExchanged ==
  \A g, h \in Honest :
    /\ knows[g] = knows[h]
    /\ Keep(proofs[h], proofs[g]) = proofs[h]
    /\ \A o \in Counted(g) : ~Takes(h, o)

Agreement == IsExchanged => \A g, h \in Honest : Counted(g) = Counted(h) /\ Effective(g) = Effective(h)

NoHonestIsProven == \A h \in Honest : Proven(h) \cap Honest = {}
ProofsAreForks == \A h \in Honest : proofs[h] \subseteq Pairs(DOMAIN ops)
ForksAreProven == \A h \in Honest : \A a \in Authors : IsForked(a, held[h]) => a \in Proven(h)

OneLeastProof ==
  IsExchanged => \A g, h \in Honest : \A p \in Pairs(held[g]) : \E q \in proofs[h] : q[1] = p[1] /\ IsUpTo(q, p)
                                      /\ q \in proofs[g]

RevokedEndsAtTheFrontier ==
  \A h \in Honest : \A o \in Effective(h) : IsRevoked(h, By(o)) => o \in Past(sealed.frontier)

\* Of a proven author only what somebody vouched for who is not, or a frontier.
ProvenCountsByOthers ==
  \A h \in Honest : \A o \in Counted(h) :
    By(o) \in Proven(h) => \/ knows[h] /\ o \in Past(sealed.frontier)
                           \/ \E x \in held[h] : By(x) \notin Proven(h) /\ o \in ops[x].past

\* Whoever merged its own fork is finished.
OwnPastIsAChain ==
  \A o \in DOMAIN ops : ops[o].valid => \A x, y \in ops[o].past : By(x) = By(o) /\ By(y) = By(o) => Comparable(x, y)

\* What an author names of another, but for what a sealed frontier names, is of one branch, in all that it ever wrote.
OneBranchEach ==
  \A o \in DOMAIN ops : ops[o].valid =>
    LET named == UNION {ops[x].others \ IF ops[x].epoch = 1 THEN sealed.frontier ELSE {} :
                          x \in {x \in ops[o].past : By(x) = By(o)}} IN
    \A x, y \in named : By(x) = By(y) => Comparable(x, y)

\* What an honest author wrote is valid, and counts wherever it is held.
HonestIsValid == \A h \in Honest : \A o \in Of(h) : ops[o].valid
HonestCounts ==
  \A g, h \in Honest : \A o \in held[h] :
    By(o) = g /\ sealed.who # g => o \in Counted(h) /\ o \in Effective(h) /\ ops[o].past \subseteq Counted(h)

\* What must not hold, or the search saw nothing.
AllHoldTheSame == IsExchanged => \A g, h \in Honest : held[g] = held[h]
NothingProvenIsNamed ==
  \A h \in Honest : \A o \in Of(h) : \A x \in ops[o].others : ops[o].epoch = 1 => By(x) \notin Proven(h)
=============================================================================
