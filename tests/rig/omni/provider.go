package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/cosi-project/runtime/pkg/state"
	"github.com/siderolabs/omni/client/pkg/client"
	"github.com/siderolabs/omni/client/pkg/client/omni"
	"github.com/siderolabs/omni/client/pkg/infra"
	res "github.com/siderolabs/omni/client/pkg/omni/resources/infra"
)

// provider announces an infra provider and the schema of its data, as a provider does when it starts. Machines it makes
// none: requests for them stay open.
func provider(arguments []string) error {
	set := flag.NewFlagSet("provider", flag.ExitOnError)
	id := set.String("id", "", "the provider's id")
	schemaFile := set.String("schema", "", "file with the JSON schema of providerdata")
	_ = set.Parse(arguments)
	if *id == "" || *schemaFile == "" {
		return fmt.Errorf("provider wants -id and -schema")
	}
	schema, err := os.ReadFile(*schemaFile)
	if err != nil {
		return err
	}
	c, err := client.New(os.Getenv("OMNI_ENDPOINT"), client.WithServiceAccount(os.Getenv("OMNI_SERVICE_ACCOUNT_KEY")),
		client.WithOmniClientOptions(omni.WithProviderID(*id)))
	if err != nil {
		return err
	}
	defer c.Close()
	st, err := infra.NewState(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return announce(ctx, st.State(), *id, string(schema))
}

func announce(ctx context.Context, st state.State, id, schema string) error {
	return safe.StateModify(ctx, st, res.NewProviderStatus(id), func(status *res.ProviderStatus) error {
		status.TypedSpec().Value.Name = id
		status.TypedSpec().Value.Description = "announced by the rig"
		status.TypedSpec().Value.Schema = schema
		return nil
	})
}
