// Package consensus keeps the control plane of a cluster: it brings the log (Raft), the
// clocks, the network and the data directory to what package control decides.
//
// A Node is one member. Four parties act in it, and meet in two places:
//
//	raft's FSM goroutine   executes the agreed entries on the State (fsm.go)
//	the agent              holds this node's session, and has the Host serve what the
//	                       State says is ours (agent.go); it alone calls the Host
//	the leader loop        gathers renewals, waits for sessions to be over, gives shards
//	                       to owners; idle unless this node leads (leader.go)
//	the cluster port       takes entries and renewals of other nodes (propose.go)
//
// They meet in the State, under fsm.mu, and in the log. Nothing that was agreed on is
// decided here: a proposal names what it was decided on, and may come twice or late.
//
// The node's data directory holds its name and birth (identity.go), raft's log and vote
// and its snapshots. It is locked while the process lives.
package consensus
