// Package svg draws the few kinds of charts that a page of measurements takes.
//
// The files stand by themselves: no script, no font, no style from outside. Their
// colours follow the reader's light or dark scheme, and every series has a marker
// or a place of its own, so that none is known by its colour alone.
package svg
