package serve

import (
	"fmt"
	"strings"
)

const metricsKind = "text/plain; version=0.0.4; charset=utf-8"

// metrics is what Prometheus reads. The time of the tree has the name that all copies of the fleet give theirs; where no
// page ever came there is none.
func (s *server) metrics(site *site) []byte {
	var out strings.Builder
	line := func(name, kind, help, labels string, value int64) {
		fmt.Fprintf(&out, "# HELP %s %s\n# TYPE %s %s\n%s%s %d\n", name, help, name, kind, name, labels, value)
	}
	if site.pointer.At != 0 {
		labels := fmt.Sprintf("{job_name=%q,group=%q}", site.pointer.Job, site.pointer.Group)
		line("fleet_fresh_timestamp_seconds", "gauge", "When the pages were last known to be those of the packages.", labels, site.pointer.At)
	}
	line("fleet_man_packages", "gauge", "Packages with pages.", "", int64(site.numberOfPackages))
	line("fleet_man_pages", "gauge", "Pages, each name counted.", "", int64(site.numberOfPages))
	line("fleet_man_bad", "gauge", "Pages and packages that could not be read.", "", int64(site.numberOfBad))
	line("fleet_man_requests_total", "counter", "Requests.", "", s.asked.Load())
	line("fleet_man_made_total", "counter", "Requests whose answer was not kept from before.", "", s.made.Load())
	return []byte(out.String())
}
