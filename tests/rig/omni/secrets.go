package main

import (
	"context"
	"flag"
	"os"
	"time"

	"github.com/siderolabs/omni/client/pkg/client"
	"github.com/siderolabs/omni/client/pkg/omni/resources/omni"
	"github.com/siderolabs/talos/pkg/machinery/config"
	talos "github.com/siderolabs/talos/pkg/machinery/config/generate/secrets"
	"go.yaml.in/yaml/v4"
)

// secrets gives clusters that are still to be made the same keys and certificates. Omni takes most of a second of processor
// time to make those of one cluster: more than for everything else about it.
func secrets(arguments []string) error {
	set := flag.NewFlagSet("secrets", flag.ExitOnError)
	_ = set.Parse(arguments)
	bundle, err := talos.NewBundle(talos.NewFixedClock(time.Now()), config.TalosVersionCurrent)
	if err != nil {
		return err
	}
	data, err := yaml.Marshal(bundle)
	if err != nil {
		return err
	}
	c, err := client.New(os.Getenv("OMNI_ENDPOINT"), client.WithServiceAccount(os.Getenv("OMNI_SERVICE_ACCOUNT_KEY")))
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for _, cluster := range set.Args() {
		imported := omni.NewImportedClusterSecrets(cluster)
		imported.TypedSpec().Value.Data = string(data)
		if err := c.Omni().State().Create(ctx, imported); err != nil {
			return err
		}
	}
	return nil
}
