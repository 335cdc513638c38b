package rewrite

// Intercept runs a rule with a say in what it reports.
func Intercept(p *Pass, say func(*Finding), run func(*Pass)) {
	q := *p
	q.report = func(f Finding) {
		say(&f)
		p.report(f)
	}
	run(&q)
}
