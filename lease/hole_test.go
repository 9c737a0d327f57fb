package lease

import "testing"

// The interleavings by which a cache in front of a database goes stale.

func TestHole_A10_ParkedBeforeAndAfterTheVoid(t *testing.T) { script(t) }
func TestHole_A12_TagsAreKnownOnlyAtTheFill(t *testing.T)   { script(t) }
func TestHole_A13_SlowFiller(t *testing.T)                  { script(t) }
func TestHole_A1_LateFillAfterDelete(t *testing.T)          { script(t) }
func TestHole_A2_DeleteInsideTheTransaction(t *testing.T)   { script(t) }
func TestHole_A6_TokenNamesTheGrant(t *testing.T)           { script(t) }
func TestHole_A7_NoFillWithoutALease(t *testing.T)          { script(t) }
func TestHole_A8_PlainAddAfterAFlush(t *testing.T)          { script(t) }
func TestHole_A9_JoinersAfterTheVoid(t *testing.T)          { script(t) }
func TestHole_B1_HitDuringTheWrite(t *testing.T)            { script(t) }
func TestHole_B3_WriterDiesAfterTheCommit(t *testing.T)     { script(t) }
func TestHole_B6_PausedWriter(t *testing.T)                 { script(t) }
func TestHole_B7_EndOfNobodysIntent(t *testing.T)           { script(t) }
func TestHole_B7_TwoWriters(t *testing.T)                   { script(t) }
func TestHole_B8_InvalidateDoesNotStore(t *testing.T)       { script(t) }
func TestHole_C12_TokenOfAFormerOwner(t *testing.T)         { script(t) }
func TestHole_C13_RepeatedInvalidation(t *testing.T)        { script(t) }
func TestHole_C1_RestartForgetsIntents(t *testing.T)        { script(t) }
func TestHole_C2_DoubtsFold(t *testing.T)                   { script(t) }
func TestHole_C2_FoldKeepsTheNewest(t *testing.T)           { script(t) }
func TestHole_C2_IntentsAreRefused(t *testing.T)            { script(t) }
func TestHole_C2_LateEndOfAFoldedDoubt(t *testing.T)        { script(t) }
func TestHole_C2_LeasesAreDropped(t *testing.T)             { script(t) }
func TestHole_E1_EarlyRefreshAndAWrite(t *testing.T)        { script(t) }
func TestHole_E2_StaleUnderAnIntent(t *testing.T)           { script(t) }
func TestHole_E3_TouchVerifiesNothing(t *testing.T)         { script(t) }
