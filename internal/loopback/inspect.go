package loopback

import "context"

// Spot is one of the addresses that a redirect host stands for, and whether a port can be had there.
type Spot struct {
	Address string // such as 127.0.0.1 or [::1]
	Absent  bool   // this computer has no such addresses
	Err     error  // a *PortTakenError, or why else nobody can listen there; nil: it is free
}

// Inspect looks at Port on each address that Listen would take, by itself: Listen ends at the
// first that is taken. What was free then may be taken a moment later.
func Inspect(ctx context.Context, r Redirect) ([]Spot, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	var spots []Spot
	for _, address := range r.addresses() {
		spot := Spot{Address: bracketed(address)}
		l, err := listenAt(ctx, address, r.Port)
		switch {
		case err == nil:
			spot.Err = l.Close()
		case absent(err):
			spot.Absent = true
		default:
			spot.Err = err
		}
		spots = append(spots, spot)
	}
	return spots, nil
}
