/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Two halves (docs/fencing.md, X3, X4, X7 to X9, L9, X11) of one node each, for spin: takeover =
 * "fence", one group, one row of commands. README.md says what is modelled, the bounds, and what
 * is not.
 *
 * One process, whose every step is one step of one node's core, of a device, of a person, or a
 * fault. "j hears i" is the newest state of i, at any time or never; its rows come with it or not,
 * since a head comes in each part of a vector and rows in one. Who counts as silent is free. There
 * is no time: a lease goes on for as long as its node likes and ends when it likes, and a group
 * answers until it has been stopped or its node is off, lease or not. So no lease decides
 * anything here.
 *
 * -DMUTANT_X breaks one rule; tests/model/run expects that spin then finds a violation.
 */
/* Lives of each node: both begin with the first one, in view 1 of both; COLD: before it. */
#ifndef LIVES0
#define LIVES0 2
#endif
#ifndef LIVES1
#define LIVES1 2
#endif
#define LIVES(i) ((i) == 0 -> LIVES0 : LIVES1)
#ifndef VIEWS
#define VIEWS 4 /* epochs in a block: up to this one */
#endif
#ifndef COMMANDS
#define COMMANDS 2
#endif

#define BOTH	 3
#define NOBODY	 2
#define BIT(i)	 (1 << (i))
#define OTHER(i) (1 - (i))
#define MAX(a,b) ((a) > (b) -> (a) : (b))
#define SAY(text,a,b) printf(text, a, b)

/* The machine, and what outlives its agent. */
bit up[2];
byte life[2];	   /* incarnation of the agent that runs, or ran last */
byte group[2];
#define OFF  0
#define ON   1
#define LEFT 2	   /* being stopped, or left by a former agent */
byte promised[2];
byte row[2];	   /* epoch that it was written in: one a view */
byte value[2];	   /* number of the command that it comes from */

/* What the agent knows and has. */
bit stopped[2];	   /* S3 */
byte seen[2];	   /* highest epoch */
byte accepted[2];  /* members, of the view promised[i]; 0: none */
bit installed[2];  /* that view */
byte owner[2];	   /* the row for that view */
byte heard[2];	   /* newest life of the other */
byte over[2];	   /* newest life of the other that is known to be over: Q2, Q3 */
#define UNBORN 9   /* it was off when no life of it had been heard */
bit with[2], waived[2];
/* Node 0, as coordinator of both, of node 1 by its newest vector. */
bit newborn;	   /* it is not the life that the view is meant for */
bit same;	   /* N3: has the same rows */
byte tells;	   /* 0: nothing, else 1 + its group's state */

/* An order of i to switch the other off. */
byte order[2];
#define ORDERED	 1
#define DONE	 2 /* the other has been switched off; not yet confirmed */
byte order_life[2]; /* that a confirmation is for */

byte commands, must; /* written; the newest that was answered "accepted" */

#define AUTHORITY(i) (up[i] && accepted[i] && installed[i])
#define ALONE(i)     (AUTHORITY(i) && accepted[i] == BIT(i))
#ifdef I1_ONLY
#define I1	     (!(group[0] != OFF && group[1] != OFF))
#define I5(i)	     true
#else
#define I1	     (!(group[0] != OFF && group[1] != OFF) && !(ALONE(0) && ALONE(1)))
#define I5(i)	     (value[i] >= must)
#endif

/* ---- lives ---- */

inline forget_member(i)
{
	if
	:: (i) == 0 -> newborn = 0; same = 0; tells = 0
	:: else
	fi
}

inline forget_view(i)
{
	accepted[i] = 0; installed[i] = 0; owner[i] = NOBODY;
	forget_member(i)
}

inline forget(i)
{
	forget_view(i);
	stopped[i] = 0; seen[i] = promised[i];
	heard[i] = 0; over[i] = 0;
#ifndef MUTANT_WITH_KEPT
	with[i] = 0;
#endif
	waived[i] = 0;
	order[i] = 0; order_life[i] = 0 /* carried out later: as if the other lost power */
}

inline switch_off(i)
{
	up[i] = 0; group[i] = OFF;
	forget(i);
	if
	:: life[i] == LIVES(i) -> promised[i] = 0; seen[i] = 0; row[i] = 0; value[i] = 0
	:: else
	fi
}

/* P2: a new agent, after the end of the last one or of the machine. */
inline begin(i)
{
	group[i] = (group[i] == OFF -> OFF : LEFT);
	forget(i);
	up[i] = 1; life[i]++
}

/* ---- views ---- */

inline accept(i, e, m)
{
	promised[i] = e; seen[i] = MAX(seen[i], e);
	accepted[i] = m; installed[i] = 0; owner[i] = NOBODY;
	forget_member(i);
#ifndef MUTANT_WAIVE_KEPT
	waived[i] = (m == BOTH -> 0 : waived[i])
#endif
}

/* X9: the view of itself. */
inline go_alone(i)
{
	accept(i, seen[i] + 1, BIT(i));
	installed[i] = 1;
	assert(I1);
	assert(I5(i))
}

/* V5, N3, N4, from a vector of i that accepted the same view of both. */
inline same_view(j, i)
{
	if
	:: (j) == 0 && !newborn ->
		installed[j] = 1;
		tells = (owner[j] == NOBODY -> 1 + group[i] : 0);
		same = (row[i] == row[j]);
		assert(!same || I5(j));
		must = (same && row[j] == promised[j] -> MAX(must, value[j]) : must)
	:: (j) == 1 && installed[i] -> installed[j] = 1
	:: else
	fi;
	/* X9: it knows all that the other one knew */
	if
	:: installed[j] && row[i] == row[j] -> with[j] = 1
#ifdef MUTANT_WITH_HEAD
	:: installed[j] -> with[j] = 1
#endif
	:: else
	fi
}

inline merge(j, i)
{
	assert(row[i] != row[j] || value[i] == value[j]); /* I4 */
	if
	:: row[i] > row[j] -> row[j] = row[i]; value[j] = value[i]
	:: else
	fi;
	if
	:: accepted[j] == BOTH && accepted[i] == BOTH && promised[i] == promised[j] &&
		owner[i] != NOBODY -> owner[j] = owner[i]
	:: else
	fi
}

/* j hears i, with `rows` or without, and `takes` the view that is proposed. */
inline hear(j, i, takes, rows)
{
	if
	:: life[i] != heard[j] ->
		heard[j] = life[i];
#ifndef MUTANT_OLDER_LIFE
		over[j] = 0;
#endif
		newborn = ((j) == 0 -> accepted[j] == BOTH : newborn)
	:: else
	fi;
	seen[j] = MAX(seen[j], MAX(promised[i], row[i]));
	over[j] = (stopped[i] -> life[i] : over[j]);
	if
	:: takes && promised[i] > promised[j] -> accept(j, promised[i], BOTH)
	:: else
	fi;
	if
	:: rows -> merge(j, i)
	:: else
	fi;
	if
	:: accepted[j] == BOTH && accepted[i] == BOTH && promised[i] == promised[j] ->
		same_view(j, i)
	:: (j) == 0 -> tells = 0; same = 0
	:: else
	fi
}

/* ---- the other is out: X4, X7, X9, X11 ---- */

#ifdef MUTANT_BOOT_FENCE
#define WITH_TO_FENCE(i) true
#else
#define WITH_TO_FENCE(i) with[i]
#endif
#ifdef MUTANT_OLDER_LIFE
#define OUT(i) (over[i] != 0)
#elif defined(MUTANT_UNPROVEN) || defined(MUTANT_TAKEOVER)
#define OUT(i) true
#else
#define OUT(i) (over[i] && over[i] >= heard[i])
#endif
#ifdef MUTANT_WAIVE_WITHOUT
#define MAY_WAIVE(i) OUT(i)
#else
#define MAY_WAIVE(i) (with[i] && OUT(i))
#endif
#ifdef MUTANT_TAKEOVER
#define PROOF(i) true
#else
#define PROOF(i) (over[i] && over[i] >= heard[i])
#endif

#ifdef MUTANT_FIRST_LIFE
#define KNOWN(i) MAX(heard[i], 1)
#else
#define KNOWN(i) heard[i]
#endif
inline order_off(i)
{
	order[i] = ORDERED; order_life[i] = KNOWN(i);
#ifndef I1_ONLY
	assert(!waived[OTHER(i)]) /* whoever boots does not shoot who went on without it */
#endif
}

inline carry_out(i)
{
	switch_off(OTHER(i));
	order[i] = DONE
}

inline is_off(i, n)
{
	over[i] = (n == 0 && heard[i] == 0 -> UNBORN : MAX(over[i], n));
#ifndef MUTANT_OLDER_LIFE
	over[i] = (over[i] < heard[i] -> 0 : over[i])
#endif
}

/*
 * Epochs by 8: each jump leads to a block of its own. The later one is higher, as by a clock that
 * is right; CLOCKLESS: the next block of this node, by what it knows itself.
 */
#define BLOCK	   8
#define NEXT(e)	   (((e) / BLOCK + 1) * BLOCK)
#define OWN(i,e)   (((e) / BLOCK % 2 == (i) -> (e) / BLOCK + 2 : (e) / BLOCK + 1) * BLOCK)
inline confirm_by_person(i)
{
	order_life[i] = KNOWN(i);
	is_off(i, order_life[i]);
	order_life[i] = 0;
	if
	:: !with[i] ->
		must = value[i]; /* the manual says so */
#ifdef MUTANT_JUMP_SAME
		seen[i] = NEXT(seen[i]);
#elif defined(MUTANT_JUMP_CLOCKLESS)
		seen[i] = OWN(i, seen[i]);
#elif !defined(MUTANT_JUMP)
		seen[i] = NEXT(MAX(seen[0], seen[1]));
#endif
		with[i] = 1
	:: else
	fi
}

/* ---- groups and commands ---- */

/* N2, N3 */
#define WRITES(i) (AUTHORITY(i) && (accepted[i] == BIT(i) || (i) == 0 && same && !newborn))
/* G3, G4 */
#define RUNS(n)	 ((n) == 0 -> group[0] == ON : tells == 1 + ON)
#define QUIET(n) ((n) == 1 -> group[0] == OFF : tells == 1 + OFF)
#define CAN_OWN(i,n) (WRITES(i) && owner[i] == NOBODY && (accepted[i] == BOTH -> \
	RUNS(n) || QUIET(n) : (n) == (i) && (group[i] == ON || PROOF(i))))

inline write_owner(i, n)
{
	owner[i] = n;
	tells = ((i) == 0 -> 0 : tells)
}

inline command(i)
{
	assert(I5(i));
	commands++;
	value[i] = commands; row[i] = promised[i];
	same = ((i) == 0 -> 0 : same);
	must = (accepted[i] == BIT(i) -> commands : must)
}

/* ---- steps ---- */

#define HEARS(j,i)                                                                             \
	:: d_step { up[i] && up[j] && !stopped[j] -> hear(j, i, 0, 0);                         \
		SAY("%d hears %d\n", j, i) }                                                   \
	:: d_step { up[i] && up[j] && !stopped[j] -> hear(j, i, 0, 1);                         \
		SAY("%d hears %d with rows\n", j, i) }
#define IS_ACTIVE(i) (up[i] && !stopped[i])
#define MAY_PROPOSE(i) (IS_ACTIVE(i) && seen[i] % BLOCK < VIEWS)
#define NODE(i)                                                                                \
	:: d_step { MAY_PROPOSE(i) && waived[i] -> go_alone(i);                                \
		SAY("%d is alone in epoch %d\n", i, promised[i]) }                             \
	:: d_step { AUTHORITY(i) -> group[i] = (group[i] == ON -> LEFT : group[i]);            \
		forget_view(i); SAY("%d loses its lease (%d)\n", i, group[i]) }                \
	:: d_step { CAN_OWN(i, 0) -> write_owner(i, 0); SAY("%d makes %d the owner\n", i, 0) }      \
	:: d_step { CAN_OWN(i, 1) -> write_owner(i, 1); SAY("%d makes %d the owner\n", i, 1) }      \
	:: d_step { AUTHORITY(i) && owner[i] == (i) && group[i] == OFF && !stopped[i] ->       \
		group[i] = ON; SAY("%d starts (%d)\n", i, 0); assert(I1) }                     \
	:: d_step { up[i] && group[i] != OFF -> group[i] = OFF; SAY("%d stops (%d)\n", i, 0) } \
	:: d_step { WRITES(i) && row[i] < promised[i] && commands < COMMANDS -> command(i);    \
		SAY("%d writes command %d\n", i, value[i]) }                                   \
	:: d_step { IS_ACTIVE(i) && WITH_TO_FENCE(i) && !waived[i] && order[i] == 0 ->         \
		order_off(i); SAY("%d orders life %d off\n", i, order_life[i]) }               \
	:: d_step { order[i] == ORDERED -> carry_out(i);                                       \
		SAY("%d is switched off (%d)\n", OTHER(i), order[i]) }                         \
	:: d_step { order[i] == DONE -> is_off(i, order_life[i]); order[i] = 0;                \
		order_life[i] = 0; SAY("%d has it confirmed, life %d\n", i, over[i]) }         \
	:: d_step { order[i] -> order[i] = 0; order_life[i] = 0;                               \
		SAY("the order of %d has failed (%d)\n", i, 0) }                               \
	:: d_step { IS_ACTIVE(i) && !waived[i] && MAY_WAIVE(i) -> waived[i] = 1;               \
		SAY("%d waives life %d\n", i, over[i]) }                                       \
	:: d_step { up[i] -> switch_off(i); SAY("%d loses power in life %d\n", i, life[i]) }   \
	:: d_step { !up[i] && life[i] < LIVES(i) -> begin(i); SAY("%d boots, life %d\n", i, life[i]) } \
	:: d_step { up[i] && life[i] < LIVES(i) -> begin(i);                                      \
		SAY("the agent of %d is restarted, life %d\n", i, life[i]) }
#define LEAVES(i)                                                                              \
	:: d_step { IS_ACTIVE(i) && group[i] == OFF -> forget(i); stopped[i] = 1;              \
		SAY("%d has left in life %d\n", i, life[i]) }
#define CONFIRMS(i)                                                                            \
	:: d_step { IS_ACTIVE(i) && !up[OTHER(i)] && !(with[i] && OUT(i)) ->                   \
		confirm_by_person(i); SAY("a person tells %d, seen %d\n", i, seen[i]) }

active proctype halves()
{
	d_step {
		owner[0] = NOBODY; owner[1] = NOBODY;
#ifdef COLD /* nobody was ever on */
		skip
#else
		up[0] = 1; up[1] = 1; life[0] = 1; life[1] = 1;
		promised[0] = 1; promised[1] = 1; seen[0] = 1; seen[1] = 1;
		accepted[0] = BOTH; accepted[1] = BOTH; installed[0] = 1; installed[1] = 1;
		heard[0] = 1; heard[1] = 1; with[0] = 1; with[1] = 1;
		same = 1; tells = 1
#endif
	}
	do
	HEARS(0, 1) HEARS(1, 0)
	:: d_step { up[0] && !stopped[0] && IS_ACTIVE(1) && accepted[0] == BOTH &&
		promised[0] > promised[1] -> hear(1, 0, 1, 0);
		SAY("1 accepts the view of 0, epoch %d (%d)\n", promised[1], 0) }
	:: d_step { MAY_PROPOSE(0) && heard[0] -> accept(0, seen[0] + 1, BOTH);
		SAY("0 proposes both, epoch %d (%d)\n", promised[0], 0) }
	NODE(0) NODE(1)
#ifdef LEAVE
	LEAVES(0) LEAVES(1)
#endif
#ifdef PERSON
	CONFIRMS(0) CONFIRMS(1)
#endif
	:: !up[0] && !up[1] -> skip
	od
}
