package serve

import (
	"sort"
	"strings"
)

const (
	// mostWords of a query are looked at, and mostQuery bytes of it.
	mostWords = 8
	mostQuery = 200
	// perPage results are on one page of them.
	perPage = 50
)

// search finds pages by name and description: all words must be there. Best first.
func (s *site) search(query string, w wish) []entry {
	words := strings.Fields(strings.ToLower(query[:min(len(query), mostQuery)]))
	if len(words) == 0 {
		return nil
	}
	words = words[:min(len(words), mostWords)]
	whole := strings.Join(words, " ")
	type hit struct {
		at    int
		score int
	}
	hits := []hit{}
	for i := range s.heads {
		it := &s.heads[i]
		if (w.section != "" && !strings.HasPrefix(it.Section, w.section)) || (w.lang != "" && it.Lang != w.lang) {
			continue
		}
		if score := it.score(words, whole); score > 0 {
			hits = append(hits, hit{i, score})
		}
	}
	sort.SliceStable(hits, func(i, j int) bool { return hits[i].score > hits[j].score })
	found := make([]entry, 0, len(hits))
	for _, it := range hits {
		one := s.heads[it.at].entry
		if w.arch != "" && s.arches[one.arch] != w.arch {
			others := s.find(wish{one.Name, one.Section, one.Lang, w.arch})
			if len(others) == 0 {
				continue
			}
			one = others[0]
		}
		found = append(found, one)
	}
	return found
}

// score says how well a page fits; 0 where a word is in neither its name nor its description.
func (h *head) score(words []string, whole string) int {
	sum := 0
	for _, word := range words {
		in := strings.Index(h.name, word)
		at := strings.Index(h.title, word)
		switch {
		case h.name == word:
			sum += 100
		case in == 0:
			sum += 40
		case in > 0:
			sum += 20
		case at >= 0 && bounded(h.title, at, len(word)):
			sum += 12
		case at >= 0:
			sum += 5
		default:
			return 0
		}
		if in >= 0 && at >= 0 {
			sum += 3
		}
	}
	if h.name == whole {
		sum += 200
	}
	if h.Lang == "" {
		sum += 4
	}
	if !h.Alias {
		sum += 2
	}
	return sum
}

// bounded says whether what was found is a whole word.
func bounded(text string, at, length int) bool {
	letter := func(i int) bool {
		return i >= 0 && i < len(text) && (text[i] >= 'a' && text[i] <= 'z' || text[i] >= '0' && text[i] <= '9' || text[i] >= 0x80)
	}
	return !letter(at-1) && !letter(at+length)
}

// near are pages whose names are almost what was asked for.
func (s *site) near(name string) []entry {
	name = strings.ToLower(name)
	if at := strings.LastIndexByte(name, '.'); at > 0 && sectionWord.MatchString(name[at+1:]) {
		name = name[:at]
	}
	if len(name) == 0 || len(name) > 64 {
		return nil
	}
	type hit struct {
		at, far int
	}
	hits := []hit{}
	last := ""
	for i := range s.heads {
		it := &s.heads[i]
		if it.name == last {
			continue
		}
		last = it.name
		switch far := len(it.name) - len(name); {
		case strings.HasPrefix(it.name, name) && far <= 12:
			hits = append(hits, hit{i, 1 + far/4})
		case far >= -2 && far <= 2:
			if distance := distance(it.name, name, 2); distance <= 2 && distance < len(name) {
				hits = append(hits, hit{i, distance})
			}
		}
	}
	sort.SliceStable(hits, func(i, j int) bool { return hits[i].far < hits[j].far })
	found := []entry{}
	for _, it := range hits[:min(len(hits), 12)] {
		found = append(found, s.heads[it.at].entry)
	}
	return found
}

// distance is how many letters must be changed, added, taken out or swapped with their neighbour; more than most is most+1.
func distance(a, b string, most int) int {
	if len(a) > 80 || len(b) > 80 {
		return most + 1
	}
	var two, one, now [82]int
	for j := range len(b) + 1 {
		one[j] = j
	}
	for i := 1; i <= len(a); i++ {
		now[0] = i
		least := i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			now[j] = min(one[j]+1, now[j-1]+1, one[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				now[j] = min(now[j], two[j-2]+1)
			}
			least = min(least, now[j])
		}
		if least > most {
			return most + 1
		}
		two, one = one, now
	}
	return one[len(b)]
}
