package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/siderolabs/go-api-signature/pkg/pgp"
	"github.com/siderolabs/go-api-signature/pkg/serviceaccount"
)

// role is ordered: each may do what the former may.
type role int

const (
	roleNone role = iota
	roleReader
	roleOperator
	roleAdmin
)

var roleNames = []string{"None", "Reader", "Operator", "Admin"}

func (r role) String() string { return roleNames[r] }

type accountFlag struct {
	name, keyFile string
	role          role
	given         bool // the key file is there
}

// place decides where the key of an account is that came without one; it may be there already.
func (a *accountFlag) place(dir string, keep bool) {
	if a.given = a.keyFile != ""; !a.given {
		a.keyFile = filepath.Join(dir, a.name+".key")
		_, err := os.Stat(a.keyFile)
		a.given = keep && err == nil
	}
}

type accountFlags []accountFlag

func (l *accountFlags) String() string { return "" }

// Set reads NAME[:ROLE][=KEYFILE].
func (l *accountFlags) Set(text string) error {
	head, keyFile, _ := strings.Cut(text, "=")
	name, roleName, given := strings.Cut(head, ":")
	a := accountFlag{name: name, keyFile: keyFile, role: roleAdmin}
	if name == "" || strings.ContainsAny(name, " /") {
		return fmt.Errorf("%q is no name for an account", name)
	}
	if given {
		i := slices.Index(roleNames, roleName)
		if i < 0 {
			return fmt.Errorf("role %q: one of %s", roleName, strings.Join(roleNames, ", "))
		}
		a.role = role(i)
	}
	*l = append(*l, a)
	return nil
}

type account struct {
	name string
	role role
	key  *pgp.Key
}

// openAccounts reads the keys that are given and makes the others; the result is by fingerprint, as Omni looks them up.
func openAccounts(flags accountFlags, dir string, keep bool) (map[string]account, error) {
	accounts := map[string]account{}
	for i := range flags {
		flags[i].place(dir, keep)
		f := flags[i]
		key, err := openKey(f)
		if err != nil {
			return nil, fmt.Errorf("account %s: %w", f.name, err)
		}
		accounts[key.Fingerprint()] = account{name: f.name, role: f.role, key: key}
	}
	return accounts, nil
}

func openKey(f accountFlag) (*pgp.Key, error) {
	if f.given {
		text, err := os.ReadFile(f.keyFile)
		if err != nil {
			return nil, err
		}
		given, err := serviceaccount.Decode(strings.TrimSpace(string(text)))
		if err != nil {
			return nil, err
		}
		return given.Key, nil
	}
	key, err := pgp.GenerateKey(f.name, "", f.name+"@serviceaccount.omni.sidero.dev", 24*time.Hour)
	if err != nil {
		return nil, err
	}
	text, err := serviceaccount.Encode(f.name, key)
	if err != nil {
		return nil, err
	}
	return key, writeWhole(f.keyFile, text)
}
