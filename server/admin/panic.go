package admin

import (
	"fmt"
	"net/http"
	"runtime/debug"
)

// fatal has a panic of h end the process, as it does everywhere else: net/http would
// catch it, and a handler may have held the lock of a part of the keys.
func fatal(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if what := recover(); what != nil {
				text := fmt.Sprintf("%v\n\n%s", what, debug.Stack())
				go panic(text) // nobody catches that one
				select {}
			}
		}()
		h.ServeHTTP(w, r)
	})
}
