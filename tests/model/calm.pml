/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * I2 and I3 for cluster.pml: from any state that it reaches, faults stop, and the nodes of `set`
 * hear each other twice a tick while the others stay silent. After CALM ticks exactly one node
 * of the set must run the group, in a view of the set. A node that ran it, and that a member
 * has granted to without a break, must not lose it on the way.
 *
 * One d_step, which ends the run: nothing of it is stored.
 */
/* Epochs beyond EMAX are free here, and so are rows beyond ROWS. */
#define DIFFERS(c,j,set) (HAS(set, j) && \
	(accepted[j] != set || promised[j] != promised[c]))
#define GRANTED(i,b) ((b) != (i) && HAS(accepted[b], i) && HAS(stamp[b], i) && \
	!excluded[P(b, i)])
#define REFUSED(i,b) ((b) != (i) && accepted[b] && !HAS(accepted[b], i) && \
	promised[b] > installed[i])
#define KEEPS(i,set) (HAS(set, i) && group[i] == ON && lease[i] == L && \
	(HAS(set, 0) && GRANTED(i, 0) || HAS(set, 1) && GRANTED(i, 1) || \
	 HAS(set, 2) && GRANTED(i, 2)) && \
	!(HAS(set, 0) && REFUSED(i, 0)) && !(HAS(set, 1) && REFUSED(i, 1)) && \
	!(HAS(set, 2) && REFUSED(i, 2)))
#define SERVES(i,set) (HAS(set, i) && group[i] == ON && lease[i] && accepted[i] == (set) && \
	installed[i] == promised[i] && owner[i] == (i))

inline calm_read(set, j, i)
{
	if
	:: HAS(set, j) && HAS(set, i) -> read(j, i, 1)
	:: else
	fi
}

inline calm_live(set, i)
{
	if
	:: HAS(set, i) && group[i] == LEFT -> stop(i)
	:: HAS(set, i) && group[i] == ON && (version[i] & 7) && owner[i] != i -> stop(i) /* G2 */
	:: HAS(set, i) && CAN_START(i) -> group[i] = ON; assert(I1)
	:: else
	fi
}

/* V2, G3 to G5 */
inline calm_coordinate(set, c)
{
	highest = promised[0];
	highest = (promised[1] > highest -> promised[1] : highest);
	highest = (promised[2] > highest -> promised[2] : highest);
	if
	:: DIFFERS(c, 0, set) || DIFFERS(c, 1, set) || DIFFERS(c, 2, set) ->
		propose(c, highest + 1, set)
	:: else
	fi;
	if
	:: CAN_OWN(c, 0) -> write_row(c, 0)
	:: else ->
		if
		:: CAN_OWN(c, 1) -> write_row(c, 1)
		:: else ->
			if
			:: CAN_OWN(c, 2) -> write_row(c, 2)
			:: else
			fi
		fi
	fi
}

inline calm(set, c)
{
	kept = (KEEPS(0, set) -> 1 : 0) | (KEEPS(1, set) -> 2 : 0) | (KEEPS(2, set) -> 4 : 0);
	lapsed = 0;
	for (round : 1 .. CALM) {
		calm_coordinate(set, c);
		for (pass : 1 .. 2) {
			calm_read(set, 0, 1); calm_read(set, 0, 2); calm_read(set, 1, 0);
			calm_read(set, 1, 2); calm_read(set, 2, 0); calm_read(set, 2, 1)
		}
		calm_live(set, 0); calm_live(set, 1); calm_live(set, 2);
		tick()
	}
	assert(SERVES(0, set) + SERVES(1, set) + SERVES(2, set) == 1); /* I2 */
	assert((kept & lapsed) == 0) /* I3 */
}

inline wipe(j)
{
	lease[j] = 0; group[j] = 0; promised[j] = 0;
	forget_view(j);
	for (k : 0 .. N - 1) { given[P(j, k)] = 0; excluded[P(j, k)] = 0 }
}

#define CALMS(set,c)                                                                           \
	:: d_step { calm(set, c); wipe(0); wipe(1); wipe(2); restarts = 0 };                   \
		break
