package sqlfence

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

type stateError string

func (e stateError) Error() string    { return "SQLSTATE " + string(e) }
func (e stateError) SQLState() string { return string(e) }

// TestSchedule_U3_OnlyTheDatabasesWordIsARollback: errors of COMMIT, each as a
// driver may return it.
func TestSchedule_U3_OnlyTheDatabasesWordIsARollback(t *testing.T) {
	p := &postgres{}
	for _, state := range []string{"40001", "40P01", "23503", "23505", "23514", "22012", "25P02", "25P03", "42501", "44000", "P0001"} {
		require.True(t, p.rolledBack(stateError(state)), state)
		require.True(t, p.rolledBack(fmt.Errorf("commit: %w", stateError(state))), state)
	}
	for _, state := range []string{"", "4", "40003", "08000", "08003", "08006", "08007", "57P01", "57P02", "57P03", "57014", "53100", "53300", "58030", "XX000", "01000", "00000", "55P03"} {
		require.False(t, p.rolledBack(stateError(state)), state)
	}
	for _, err := range []error{
		driver.ErrBadConn, sql.ErrTxDone, sql.ErrConnDone, context.Canceled, context.DeadlineExceeded, io.EOF, io.ErrUnexpectedEOF, errors.New("?"),
	} {
		require.False(t, p.rolledBack(err), err)
	}
	taught := &postgres{o: Options{RolledBack: func(err error) bool { return err == io.EOF }}}
	require.True(t, taught.rolledBack(io.EOF))
	require.False(t, taught.rolledBack(io.ErrUnexpectedEOF))
}
