package store

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The item under a secret's own name, its head, is one of three things, told apart by how it begins:
//
//	the secret itself, if it fits and is not mistakable for one of the others
//	keyfob:inline:1 SECRET
//	keyfob:parts:1 SLOT COUNT SIZE SHA256 ID
const (
	mark       = "keyfob:"
	inlineMark = mark + "inline:1 "
	partsMark  = mark + "parts:1 "
)

const (
	slotA = "a"
	slotB = "b"
	// minItem is the smallest size of an item that a manifest fits into.
	minItem = 256
	// maxParts is above what the largest secret needs in the smallest items.
	maxParts = maxSecret / (minItem - 8)
)

// A manifest tells where the parts of a secret are, and how to know that they belong together.
type manifest struct {
	slot  string // of the two sets of part names, the one in use
	count int
	size  int
	sum   [sha256.Size]byte
	id    string // no two manifests are equal, so an unchanged one means that nothing happened
}

func newManifest(slot string, count int, secret []byte) manifest {
	return manifest{slot, count, len(secret), sha256.Sum256(secret), rand.Text()}
}

func (m manifest) String() string {
	return fmt.Sprintf("%s%s %d %d %x %s", partsMark, m.slot, m.count, m.size, m.sum, m.id)
}

// parseManifest takes what String makes and nothing else.
func parseManifest(head []byte) (m manifest, ok bool) {
	text, found := strings.CutPrefix(string(head), partsMark)
	fields := strings.Split(text, " ")
	if !found || len(fields) != 5 {
		return manifest{}, false
	}
	count, errCount := strconv.Atoi(fields[1])
	size, errSize := strconv.Atoi(fields[2])
	sum, errSum := hex.DecodeString(fields[3])
	if errCount != nil || errSize != nil || errSum != nil {
		return manifest{}, false
	}
	m = manifest{slot: fields[0], count: count, size: size, id: fields[4]}
	copy(m.sum[:], sum)
	sane := (m.slot == slotA || m.slot == slotB) && 0 < count && count <= maxParts && 0 < size && size <= maxSecret
	// Writing it again shows all other deviations: leading zeros, a short sum, capitals.
	if !sane || m.id == "" || m.String() != string(head) {
		return manifest{}, false
	}
	return m, true
}

// matches tells whether secret is the one that the manifest was made of.
func (m manifest) matches(secret []byte) bool {
	return len(secret) == m.size && sha256.Sum256(secret) == m.sum
}

// marked tells whether an item is to be taken for something other than the secret itself.
func marked(item []byte) bool {
	return bytes.HasPrefix(item, []byte(mark))
}

// partName is the name of one part. Callers' names have no piece that begins with a dot.
func partName(name, slot string, i int) string {
	return name + "/." + slot + "." + strconv.Itoa(i)
}

// split cuts a secret into pieces of up to limit bytes. Text is not cut inside a character, for
// a keyring that keeps text may refuse or mend halves.
func split(secret []byte, limit int) [][]byte {
	text := utf8.Valid(secret)
	var pieces [][]byte
	for len(secret) > limit {
		cut := limit
		for text && !utf8.RuneStart(secret[cut]) {
			cut--
		}
		pieces = append(pieces, secret[:cut])
		secret = secret[cut:]
	}
	return append(pieces, secret)
}
