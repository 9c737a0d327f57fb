package lease

import "testing"

// The rows of the event table, and every case of each.

func TestRule_Busy(t *testing.T)                           { script(t) }
func TestRule_Closure(t *testing.T)                        { script(t) }
func TestRule_CrowdedThenRaised(t *testing.T)              { script(t) }
func TestRule_DoubtEndsWhileReadersWait(t *testing.T)      { script(t) }
func TestRule_DoubtLease(t *testing.T)                     { script(t) }
func TestRule_DoubtLeaseRunsOut(t *testing.T)              { script(t) }
func TestRule_EarlyRefresh(t *testing.T)                   { script(t) }
func TestRule_Eviction(t *testing.T)                       { script(t) }
func TestRule_FillReasons(t *testing.T)                    { script(t) }
func TestRule_FlushLater(t *testing.T)                     { script(t) }
func TestRule_Grant(t *testing.T)                          { script(t) }
func TestRule_Hit(t *testing.T)                            { script(t) }
func TestRule_InDoubt(t *testing.T)                        { script(t) }
func TestRule_IntentBegins(t *testing.T)                   { script(t) }
func TestRule_IntentEnds(t *testing.T)                     { script(t) }
func TestRule_IntentRunsOut(t *testing.T)                  { script(t) }
func TestRule_Invalidate(t *testing.T)                     { script(t) }
func TestRule_LateTimerAndFence(t *testing.T)              { script(t) }
func TestRule_LeaseRunsOut(t *testing.T)                   { script(t) }
func TestRule_ParkedAndALateTimer(t *testing.T)            { script(t) }
func TestRule_ParkedThenClosed(t *testing.T)               { script(t) }
func TestRule_ParkedThenExpiredFill(t *testing.T)          { script(t) }
func TestRule_ParkedThenFilled(t *testing.T)               { script(t) }
func TestRule_ParkedThenFlushed(t *testing.T)              { script(t) }
func TestRule_ParkedThenGivenBack(t *testing.T)            { script(t) }
func TestRule_ParkedThenHungUp(t *testing.T)               { script(t) }
func TestRule_ParkedThenIntent(t *testing.T)               { script(t) }
func TestRule_ParkedThenPlainStore(t *testing.T)           { script(t) }
func TestRule_ParkedThenRaised(t *testing.T)               { script(t) }
func TestRule_ParkedThenRefreshed(t *testing.T)            { script(t) }
func TestRule_ParkedThenRefusedFill(t *testing.T)          { script(t) }
func TestRule_ParkedThenRunOut(t *testing.T)               { script(t) }
func TestRule_ParkedThenTooLarge(t *testing.T)             { script(t) }
func TestRule_ParkedThenVoid(t *testing.T)                 { script(t) }
func TestRule_ParkedUntilItsOwnDeadline(t *testing.T)      { script(t) }
func TestRule_Peek(t *testing.T)                           { script(t) }
func TestRule_PlainMutations(t *testing.T)                 { script(t) }
func TestRule_PlainStoreInDoubt(t *testing.T)              { script(t) }
func TestRule_PlainStoreUnderShardDoubt(t *testing.T)      { script(t) }
func TestRule_Quarantined(t *testing.T)                    { script(t) }
func TestRule_Raise(t *testing.T)                          { script(t) }
func TestRule_ShardDoubt(t *testing.T)                     { script(t) }
func TestRule_StaleCopy(t *testing.T)                      { script(t) }
func TestRule_StaleCopyInDoubt(t *testing.T)               { script(t) }
func TestRule_StaleCopyLastInvalidationRules(t *testing.T) { script(t) }
func TestRule_StaleCopyWithinItsTTL(t *testing.T)          { script(t) }
func TestRule_StaleRefresh(t *testing.T)                   { script(t) }
func TestRule_TTLs(t *testing.T)                           { script(t) }
func TestRule_TagFloor(t *testing.T)                       { script(t) }
