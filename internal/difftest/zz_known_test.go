package difftest

import "strings"

func init() {
	Deliberate = append(Deliberate, Difference{Name: "BUG l", Match: func(f *Finding) bool { return strings.Contains(f.How, "too far") }, Harmless: true},
		Difference{Name: "BUG mg N-1", Match: func(f *Finding) bool {
			w, _ := f.Step.flag("N")
			return f.Step.is("mg") && w != "" && (f.ours() == "EN" || f.ours() == "")
		}},
		Difference{Name: "BUG fetched", Match: func(f *Finding) bool {
			return strings.Contains(f.ref(), " h") && strings.Contains(f.ours(), " h") || strings.Contains(f.ours(), "fetch=")
		}, Harmless: true},
		Difference{Name: "BUG gat past", Match: func(f *Finding) bool { return f.Step.is("gat gats") && f.ours() == "END" }},
		Difference{Name: "BUG shutdown", Match: func(f *Finding) bool { return f.Step.is("shutdown stats cache_memlimit watch") }, Harmless: true},
		Difference{Name: "BUG -0", Match: func(f *Finding) bool { return strings.Contains(f.ours(), "non-numeric") }},
		Difference{Name: "BUG C0", Match: func(f *Finding) bool { return f.Step.is("ma md") && f.has("C") }},
		Difference{Name: "BUG ma N T", Match: func(f *Finding) bool { return f.after("ma", "N", "T") }},
	)
}
