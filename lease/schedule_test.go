package lease

import "testing"

// The schedules that broke a text of the design.

func TestSchedule_H12_BoundedIntentsCloseTheNextEpoch(t *testing.T) { script(t) }
func TestSchedule_H13_TokensAfterARestart(t *testing.T)             { script(t) }
func TestSchedule_H14_TagBumpedDuringTheLoad(t *testing.T)          { script(t) }
func TestSchedule_H16_PlainStoreUnderAnIntent(t *testing.T)         { script(t) }
func TestSchedule_H1_ParkedReaderAndIntent(t *testing.T)            { script(t) }
func TestSchedule_H2_FenceOfAnEarlierEpoch(t *testing.T)            { script(t) }
func TestSchedule_H2_OldFenceAndNewDoubt(t *testing.T)              { script(t) }
func TestSchedule_H3_DoubtLeaseNeedsItsOwnFence(t *testing.T)       { script(t) }
func TestSchedule_H4_DoubtOutlivesTwoRestarts(t *testing.T)         { script(t) }
func TestSchedule_H4_RaisedEpochKeepsDoubtAndNote(t *testing.T)     { script(t) }
func TestSchedule_H6_CheckedBeforeTheRestart(t *testing.T)          { script(t) }
func TestSchedule_R11_NonceWithOtherFlags(t *testing.T)             { script(t) }
func TestSchedule_R12_FenceOfAFormerLife(t *testing.T)              { script(t) }
func TestSchedule_R13_FlushKeepsDoubt(t *testing.T)                 { script(t) }
func TestSchedule_R14_BoundedRunsOut(t *testing.T)                  { script(t) }
func TestSchedule_R17_RefusedIntentLeavesNothing(t *testing.T)      { script(t) }
func TestSchedule_R18_StaleOnlyForWhoAsks(t *testing.T)             { script(t) }
func TestSchedule_R1_FenceAndBoundedIntents(t *testing.T)           { script(t) }
func TestSchedule_R9_ChosenVersion(t *testing.T)                    { script(t) }
func TestSchedule_U10_FillTwice(t *testing.T)                       { script(t) }
func TestSchedule_U10_StaleCopyAndWriters(t *testing.T)             { script(t) }
func TestSchedule_U11_DoubtAndIntent(t *testing.T)                  { script(t) }
func TestSchedule_U13_OwnFillBehindOwnWait(t *testing.T)            { script(t) }
func TestSchedule_U1_NonceOfALiveIntent(t *testing.T)               { script(t) }
func TestSchedule_U2_UnknownOutcomeIsNotEnded(t *testing.T)         { script(t) }
func TestSchedule_U3_RolledBack(t *testing.T)                       { script(t) }
func TestSchedule_U4_LateEndRemovesItsOwnDoubt(t *testing.T)        { script(t) }
func TestSchedule_U9_VersionsAreTokens(t *testing.T)                { script(t) }
