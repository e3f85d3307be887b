package top

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// kind says how a column stands and sorts.
type kind uint8

const (
	words   kind = iota // to the left; sorted from A to Z
	numbers             // to the right; sorted by rank, the highest first
)

// column is one of a table.
type column struct {
	title string
	kind  kind
	width int // 0 shares what the others leave
	from  int // it is shown in tables of at least this width
}

// cell is a text, and a number to sort by where its column is of numbers. The text may be anything: it is cleaned when it is drawn.
type cell struct {
	text string
	rank float64
	look style
}

// row is one of a table. Its key names what it shows, from one second to the next.
type row struct {
	key   string
	cells []cell // one for each column
}

// table is how something is shown in rows.
type table struct {
	title   string
	nothing string // is said where there are no rows, and no filter leaves any out
	columns []column
	sorted  int // the column that it is sorted by at first
	rows    func(*snapshot) []row
}

// order is what a person has made of a table: how it is sorted, and what is selected.
type order struct {
	column   int
	upside   bool   // against the column's own direction
	selected string // the key of a row; "" is the first, whichever that is
}

// leastShare is the width below which a column that shares what the others leave is no use.
const leastShare = 8

// visible returns which columns there are at a width. Where they have no room, the last ones are left out.
func (t *table) visible(width int) (shown []int) {
	used := 0
	for i, c := range t.columns {
		if width < c.from {
			continue
		}
		least := c.width
		if least == 0 {
			least = leastShare
		}
		used += least + 1 // with the space before the next
		if used > width+1 && len(shown) > 0 {
			break
		}
		shown = append(shown, i)
	}
	return shown
}

// arranged returns the rows that the filter leaves, sorted. A row stays if one of its cells has the filter in it, in either case.
func (t *table) arranged(s *snapshot, o order, filter string) []row {
	filter = strings.ToLower(filter)
	rows := slices.DeleteFunc(t.rows(s), func(r row) bool {
		return !slices.ContainsFunc(r.cells, func(c cell) bool { return strings.Contains(strings.ToLower(c.text), filter) })
	})
	numeric := t.columns[o.column].kind == numbers
	slices.SortFunc(rows, func(a, b row) int {
		x, y := a.cells[o.column], b.cells[o.column]
		by := strings.Compare(x.text, y.text)
		if numeric {
			by = cmp.Compare(y.rank, x.rank)
		}
		if o.upside {
			by = -by
		}
		return cmp.Or(by, strings.Compare(a.key, b.key))
	})
	return rows
}

// position returns where the selected row is: first if it is not there any more, -1 if nothing is.
func (o order) position(rows []row) int {
	if len(rows) == 0 {
		return -1
	}
	return max(0, slices.IndexFunc(rows, func(r row) bool { return r.key == o.selected }))
}

// focus says whether the keys are for a table.
type focus uint8

const (
	elsewhere focus = iota
	here
)

// draw returns a table in exactly so many lines: its title, its columns' titles, and the rows around the selected one; without rows, a text for nothing.
func (t *table) draw(rows []row, o order, f focus, nothing string, width, height int) []string {
	lines := make([]string, 0, height)
	lines = append(lines, ruled(fmt.Sprintf("%s (%s)", t.title, count(int64(len(rows)))), width))
	if len(rows) == 0 {
		lines = append(lines, fit(nothing, width, left))
	} else {
		lines = append(lines, t.drawTitles(o, width))
		at := o.position(rows)
		room := max(0, height-len(lines))
		first := max(0, min(at-room/2, len(rows)-room))
		for i := first; i < len(rows) && i < first+room; i++ {
			lines = append(lines, t.drawRow(rows[i], f == here && i == at, width))
		}
	}
	for len(lines) < height {
		lines = append(lines, strings.Repeat(" ", width))
	}
	return lines[:height]
}

// drawTitles returns the columns' titles, with an arrow at the one that the table is sorted by.
func (t *table) drawTitles(o order, width int) string {
	return bold.paint(t.line(width, func(i, width int) string {
		c := t.columns[i]
		title := c.title
		if i == o.column {
			arrow := "↑"
			if (c.kind == numbers) != o.upside {
				arrow = "↓"
			}
			title += arrow
		}
		return fit(title, width, c.side())
	}))
}

func (t *table) drawRow(r row, selected bool, width int) string {
	text := t.line(width, func(i, width int) string {
		look := r.cells[i].look
		if selected {
			look = plain // the whole row is turned
		}
		return look.paint(fit(r.cells[i].text, width, t.columns[i].side()))
	})
	if selected {
		return reversed.paint(text)
	}
	return text
}

func (c column) side() side {
	if c.kind == numbers {
		return right
	}
	return left
}

// line returns the visible columns, each drawn at its width, with a space between them.
func (t *table) line(width int, draw func(i, width int) string) string {
	shown := t.visible(width)
	spare, sharing := width-(len(shown)-1), 0
	for _, i := range shown {
		spare -= t.columns[i].width
		if t.columns[i].width == 0 {
			sharing++
		}
	}
	var fields []string
	for _, i := range shown {
		w := t.columns[i].width
		if w == 0 {
			w = max(1, spare/sharing)
			spare -= w
			sharing--
		}
		fields = append(fields, draw(i, w))
	}
	return strings.Join(fields, " ")
}
