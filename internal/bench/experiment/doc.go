// Package experiment has the things that are measured. Each experiment starts the
// servers it needs, and returns points; what they mean is the page's affair.
package experiment
